@echo off
rem SPDX-License-Identifier: MIT
rem The launcher as a command line, without a window: vsekai-launcher.cmd --help
rem Without arguments it opens the window.
setlocal
if "%~1"=="" (
	start "" "%~dp0vsekai-launcher.exe"
	exit /b 0
)
set "PWD=%CD%"
"%~dp0vsekai-launcher.console.exe" --headless --no-header -- %*
exit /b %ERRORLEVEL%
