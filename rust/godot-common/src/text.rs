// SPDX-License-Identifier: MIT
//! Text from servers and file systems, made safe to show.

/// Returns at most `limit` characters of `text`, without those that would break or disguise what is shown:
/// control characters other than line feed and tab, and marks that turn the writing direction around.
///
/// A text that had to be cut ends in "…".
pub fn printable(text: &str, limit: usize) -> String {
    let mut kept = text.chars().filter(|character| is_harmless(*character));
    let mut shown: String = kept.by_ref().take(limit).collect();
    if kept.next().is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

fn is_harmless(character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        // Embeddings, overrides and isolates; the plain marks U+200E and U+200F stay.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        other => !other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_language_is_kept() {
        for text in ["Version 1.2\n\tnew: ação", "日本語", "עברית\u{200f}", "👩‍🚀"] {
            assert_eq!(printable(text, 100), text);
        }
    }

    #[test]
    fn characters_that_break_or_disguise_a_line_are_dropped() {
        assert_eq!(
            printable("a\0b\u{1b}[31mc\r\nd\u{202e}exe.gnp", 100),
            "ab[31mc\ndexe.gnp"
        );
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(printable("äöü", 3), "äöü");
        assert_eq!(printable("äöüß", 3), "äö…");
        assert_eq!(printable(&"x".repeat(1_000_000), 10), "xxxxxxxxx…");
    }
}
