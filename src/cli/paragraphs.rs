//! Text of several lines within 80 columns.

use unicode_width::UnicodeWidthStr;

/// Columns of a line.
pub const WIDTH: usize = 80;

/// A paragraph that begins with `head` and goes on indented as far as `head` is wide, broken between words.
///
/// A word that is wider than a line has one of its own. `words` must be safe to draw.
pub fn paragraph(head: &str, words: &str) -> String {
    let indent = head.width();
    let (mut text, mut used, mut fresh) = (head.to_owned(), indent, true);
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let more = word.width() + usize::from(!fresh);
        if !fresh && used + more > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            (used, fresh) = (indent, true);
        }
        if !fresh {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += word.width();
        fresh = false;
    }
    let mut text = text.trim_end().to_owned();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_terminal_of_the_design_size() {
        let words = "one of many words that stand here only to fill the line ".repeat(5);
        let text = paragraph("  line 12  ", &words);
        assert!(text.lines().count() > 3 && text.lines().all(|line| line.width() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("           ")));
        assert_eq!(paragraph("a  ", ""), "a\n");
    }
}
