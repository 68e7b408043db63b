// SPDX-License-Identifier: MIT
//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

/// Who looks at a page.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// The public part of the token they logged in with.
    pub token_id: &'a str,
    /// The secret of their forms.
    pub form_secret: &'a str,
    /// Whether they run the server.
    pub is_admin: bool,
}

impl Viewer<'_> {
    /// The field that every form carries.
    pub(super) fn form_field(&self) -> Markup {
        html! { input type="hidden" name="form" value=(self.form_secret); }
    }
}

/// The parts of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Titles, channels, releases.
    Titles,
    /// Tokens.
    Tokens,
    /// Who changed what.
    Log,
    /// Sizes, and what nothing keeps.
    Storage,
}

impl Place {
    const fn link(self) -> (&'static str, &'static str) {
        match self {
            Self::Titles => ("/admin/", "Titles"),
            Self::Tokens => ("/admin/tokens", "Tokens"),
            Self::Log => ("/admin/log", "Log"),
            Self::Storage => ("/admin/storage", "Storage"),
        }
    }
}

/// A page's heading and surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// The heading.
    pub title: &'a str,
    /// Where in the menu it is.
    pub place: Option<Place>,
    /// Who looks at it; nobody who is known before the log-in.
    pub viewer: Option<&'a Viewer<'a>>,
}

impl Page<'_> {
    /// Returns the whole page with `content` in it.
    pub fn around(self, content: Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " – V-Sekai updates" }
                    link rel="icon" href="/admin/mark.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/admin/style.css";
                }
                body {
                    a.skip href="#main" { "To the content" }
                    header {
                        a.brand href="/admin/" {
                            img src="/admin/mark.svg" alt="" width="32" height="32";
                            span { "V-Sekai updates" }
                        }
                        @if let Some(viewer) = self.viewer { (self.menu(viewer)) }
                    }
                    main id="main" tabindex="-1" {
                        h1 { (self.title) }
                        (content)
                    }
                    footer { "Server version " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    }

    fn menu(&self, viewer: &Viewer<'_>) -> Markup {
        let all = [Place::Titles, Place::Tokens, Place::Log, Place::Storage];
        let seen = all
            .into_iter()
            .filter(|place| viewer.is_admin || *place == Place::Titles);
        html! {
            nav aria-label="Pages" {
                ul {
                    @for place in seen {
                        @let (address, name) = place.link();
                        @let current = (self.place == Some(place)).then_some("page");
                        li { a href=(address) aria-current=[current] { (name) } }
                    }
                }
            }
            form.logout method="post" action="/admin/logout" {
                (viewer.form_field())
                span { "Token " code { (viewer.token_id) } }
                button { "Log out" }
            }
        }
    }
}

/// A table that scrolls by itself where it is too wide for the screen.
pub(super) fn table(caption: &str, content: Markup) -> Markup {
    html! {
        div.table role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                (content)
            }
        }
    }
}

/// The head of a table.
pub(super) fn columns(names: &[&str]) -> Markup {
    html! { thead { tr { @for name in names { th scope="col" { (name) } } } } }
}
