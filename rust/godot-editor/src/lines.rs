// SPDX-License-Identifier: MIT
//! What other programs print, line by line and without colours.

/// Puts bytes together to lines; what is longer than a line should be is cut there.
#[derive(Debug, Default)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Takes more bytes, and hands every line that is complete to `say`.
    pub fn take(&mut self, bytes: &[u8], mut say: impl FnMut(String)) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(&mut say),
                byte => self.0.push(*byte),
            }
            if self.0.len() >= LINE_LIMIT {
                self.end_line(&mut say);
            }
        }
    }

    /// Hands over what is left at the end.
    pub fn finish(mut self, mut say: impl FnMut(String)) {
        self.end_line(&mut say);
    }

    fn end_line(&mut self, say: &mut impl FnMut(String)) {
        let line = plain(&String::from_utf8_lossy(&self.0));
        self.0.clear();
        if !line.trim().is_empty() {
            say(line.trim_end().to_owned());
        }
    }
}

/// Takes the escape sequences of terminals out of a line.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.strip_prefix('[').unwrap_or(part);
        let end = rest.find(|c: char| c.is_ascii_alphabetic());
        text += end.and_then(|end| rest.get(end + 1..)).unwrap_or_default();
    }
    text
}

/// Longest line, in bytes.
const LINE_LIMIT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_cut_and_freed_of_colours() {
        let mut said = Vec::new();
        let mut lines = Lines::default();
        lines.take(b"one\r\n\n\x1b[1;31mERROR:\x1b[0m two", |line| said.push(line));
        lines.take(b" more\n", |line| said.push(line));
        lines.take(&[b'x'; LINE_LIMIT + 1], |line| said.push(line));
        lines.finish(|line| said.push(line));
        assert_eq!(said[..2], ["one", "ERROR: two more"]);
        assert_eq!(said[2].len(), LINE_LIMIT);
        assert_eq!(said[3..], ["x"]);
    }
}
