// SPDX-License-Identifier: MIT
//! The pages: values in, HTML out. Everything that is put in is escaped by the templates.

mod channels;
mod format;
mod layout;
mod log;
mod login;
mod releases;
mod storage;
mod titles;
mod tokens;

pub use channels::confirm_readers;
pub use layout::{Page, Place, Viewer};
pub use log::log;
pub use login::{LoginProblem, login};
pub use releases::{Comparison, prepared, release};
pub use storage::storage;
pub use titles::{title, titles};
pub use tokens::{confirm_revoke, created, tokens};

use maud::{Markup, html};

/// The page that says what went wrong.
pub fn problem(heading: &str, detail: &str) -> Markup {
    Page {
        title: heading,
        place: None,
        viewer: None,
    }
    .around(html! {
        p { (sentence(detail)) }
        p { a href="/admin/" { "To the titles" } }
    })
}

/// Makes a sentence of an error's message, which has no capital letter and no full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("style.css");
/// The mark beside the name.
pub const MARK: &str = include_str!("../../../../assets/branding/icons/badge.svg");
