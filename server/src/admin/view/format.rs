// SPDX-License-Identifier: MIT
//! Numbers, sizes and times as people read them.

use jiff::Timestamp;
use maud::{Markup, html};

/// Writes bytes in the unit that suits them, in powers of a thousand.
pub(super) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    match unit {
        "B" => format!("{count} B"),
        _ if value < 10.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// Writes a number with a space between thousands.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && place % 3 == first {
            // A narrow space at which no line breaks.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Writes a time, given in seconds since 1970-01-01 UTC.
pub(super) fn time(seconds: i64) -> Markup {
    let exact = Timestamp::from_second(seconds).unwrap_or_default().to_string();
    let shown = exact.get(..16).unwrap_or(&exact).replace('T', " ");
    html! { time datetime=(exact) { (shown) " UTC" } }
}

/// Counts something in words: `1 file`, `2 files`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_suits_them() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_550_000, "1.6 MB"),
            (999_600, "1.0 MB"),
            (25_000_000_000, "25 GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(number(7), "7");
        assert_eq!(number(1234), "1\u{202f}234");
        assert_eq!(number(12_345_678), "12\u{202f}345\u{202f}678");
        assert_eq!(counted(1, "file", "files"), "1 file");
    }

    #[test]
    fn times_are_shown_to_the_minute() {
        let text = time(0).into_string();
        assert_eq!(
            text,
            "<time datetime=\"1970-01-01T00:00:00Z\">1970-01-01 00:00 UTC</time>"
        );
    }
}
