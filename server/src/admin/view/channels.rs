// SPDX-License-Identifier: MIT
//! Who may read a channel.

use maud::{Markup, html};
use vsekai_formats::release::Slug;

use super::{Page, Place, Viewer};
use crate::service::overview::ChannelView;

/// Asks once more before other people may read a channel.
pub fn confirm_readers(viewer: &Viewer<'_>, title: &Slug, channel: &ChannelView) -> Markup {
    let name = &channel.name;
    let heading = match channel.is_private {
        true => format!("Make {name} public"),
        false => format!("Make {name} private"),
    };
    let page = Page {
        title: &heading,
        place: Some(Place::Titles),
        viewer: Some(viewer),
    };
    let back = format!("/admin/titles/{title}");
    page.around(html! {
        @if channel.is_private {
            p {
                "Everybody could read everything that " (name) " of " (title) " lists and ever listed. What was read once \
                cannot be taken back."
            }
        } @else {
            p {
                "Only holders of a token that allows " code { "read" } " could read " (name) " of " (title) ", and those \
                who work on the title. Players who follow it without one get no updates until they have one."
            }
            p.help {
                "What a public channel lists too stays public, and its name and how often it changes can still be seen. \
                What caches, mirrors and exports have kept of it stays where it is."
            }
        }
        form method="post" action={ (back) "/channels/" (name) "/readers" } {
            (viewer.form_field())
            input type="hidden" name="private" value=(if channel.is_private { "no" } else { "yes" });
            button.danger { (heading) }
            " " a href=(back) { "Leave it as it is" }
        }
    })
}
