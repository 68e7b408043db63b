// SPDX-License-Identifier: MIT
//! The pictures inside icon files, for systems that want each size as a file of its own.

use anyhow::{Result, ensure};

/// A picture in an icon file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its width and height in pixels.
    pub size: u32,
    /// Its content, a PNG file.
    pub png: Vec<u8>,
}

/// Returns the pictures in a Windows icon (`.ico`), which must be PNG files.
///
/// # Errors
/// The file is no such icon.
pub fn in_ico(bytes: &[u8]) -> Result<Vec<Picture>> {
    let count = number(bytes, 4, 2)?;
    let entry = |index: usize| {
        let at = 6 + 16 * index;
        let (length, start) = (number(bytes, at + 8, 4)?, number(bytes, at + 12, 4)?);
        picture(bytes, start, length)
    };
    (0..count).map(entry).collect()
}

/// Returns the PNG pictures in a macOS icon (`.icns`).
///
/// # Errors
/// The file is no such icon.
pub fn in_icns(bytes: &[u8]) -> Result<Vec<Picture>> {
    ensure!(bytes.starts_with(b"icns"), "it is no macOS icon");
    let mut pictures = Vec::new();
    let mut at = 8;
    while at + 8 <= bytes.len() {
        let length = bytes[at + 4..at + 8]
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        ensure!(length >= 8, "an entry of the icon is shorter than its header");
        if bytes[at + 8..].starts_with(PNG) {
            pictures.push(picture(bytes, at + 8, length - 8)?);
        }
        at += length;
    }
    Ok(pictures)
}

fn picture(bytes: &[u8], start: usize, length: usize) -> Result<Picture> {
    let png = start.checked_add(length).and_then(|end| bytes.get(start..end));
    let png = png.unwrap_or_default();
    ensure!(
        png.starts_with(PNG) && png.len() > 24,
        "a picture of the icon is no PNG"
    );
    let side = |at: usize| {
        png[at..at + 4]
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    };
    let (width, height) = (side(16), side(20));
    ensure!(width == height, "a picture of the icon is {width} by {height}");
    Ok(Picture {
        size: width,
        png: png.to_vec(),
    })
}

fn number(bytes: &[u8], at: usize, length: usize) -> Result<usize> {
    let field = bytes.get(at..at + length);
    ensure!(field.is_some(), "the icon ends too early");
    let field = field.unwrap_or_default().iter().rev();
    Ok(field.fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projects::launcher_folder;

    fn sizes(pictures: Result<Vec<Picture>>) -> Vec<u32> {
        pictures.unwrap().iter().map(|picture| picture.size).collect()
    }

    #[test]
    fn the_launchers_icons_have_every_size_that_the_systems_ask_for() {
        let branding = launcher_folder().join("branding");
        let ico = fs_err::read(branding.join("icon.ico")).unwrap();
        assert_eq!(sizes(in_ico(&ico)), [16, 24, 32, 48, 64, 128, 256]);
        let icns = fs_err::read(branding.join("icon.icns")).unwrap();
        assert_eq!(sizes(in_icns(&icns)), [16, 32, 64, 128, 256, 512, 1024]);
    }

    #[test]
    fn files_that_are_no_icons_are_refused() {
        for bytes in [&b""[..], b"\0\0\x01\0\x01\0", b"icns"] {
            assert!(in_ico(bytes).is_err());
        }
        assert!(in_icns(b"no icon").is_err());
        assert!(in_icns(b"icns\0\0\0\x10xxxx\0\0\0\0").is_err());
    }
}
