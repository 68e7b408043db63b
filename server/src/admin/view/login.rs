// SPDX-License-Identifier: MIT
//! Logging in.

use maud::{Markup, html};

use super::Page;

/// Why nobody was logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginProblem {
    /// The token is not good, whatever the reason.
    Refused,
    /// Too many attempts.
    Wait {
        /// For how long, in seconds.
        seconds: u64,
    },
    /// The token would cross the network in the clear.
    NotEncrypted,
    /// The session has ended.
    Ended,
}

/// The log-in page.
pub fn login(problem: Option<LoginProblem>) -> Markup {
    let page = Page {
        title: "Log in",
        place: None,
        viewer: None,
    };
    page.around(html! {
        @if let Some(problem) = problem { p.problem role="alert" { (words(problem)) } }
        @if problem != Some(LoginProblem::NotEncrypted) {
            form method="post" action="/admin/login" {
                label for="token" { "Token" }
                input id="token" name="token" type="password" required autofocus autocomplete="current-password"
                    spellcheck="false" aria-describedby="token-help";
                p.help id="token-help" {
                    "It begins with " code { "vsekai_" } ". You see what it allows, and nothing else. \
                    For the whole server, make one with "
                    code { "vsekai-server token create --verbs '*' NAME" } "."
                }
                button { "Log in" }
            }
        }
    })
}

fn words(problem: LoginProblem) -> String {
    match problem {
        LoginProblem::Refused => "This token is not good: it is mistyped, expired or revoked.".to_owned(),
        LoginProblem::Wait { seconds } => {
            let minutes = seconds.div_ceil(60);
            format!("Too many attempts to log in. Try again in {minutes} minutes.")
        }
        LoginProblem::NotEncrypted => {
            "This connection is not encrypted, so a token would be seen by others. \
            Open this page over https, or from the server's own machine."
                .to_owned()
        }
        LoginProblem::Ended => "Your session has ended. Log in again.".to_owned(),
    }
}
