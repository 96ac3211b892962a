//! Every symbol, and its ASCII twin.

/// The symbols of one terminal. Nothing in here is wider than one cell where it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// A horizontal rule.
    pub rule: char,
    /// A vertical rule.
    pub bar: char,
    /// Where a vertical rule hangs from a horizontal one.
    pub tee: char,
    /// Where it stands on one.
    pub foot: char,
    /// What was cut off.
    pub ellipsis: &'static str,
    /// A rung that was reached.
    pub rung: char,
    /// A rung that was not.
    pub gap: char,
    /// The filled part of a gauge.
    pub full: char,
    /// The rest of it.
    pub empty: char,
    /// What stands before and behind a gauge.
    pub ends: [char; 2],
    /// Eight heights, lowest first.
    pub spark: [char; 8],
    /// One hidden character.
    pub bullet: char,
}

/// Symbols for UTF-8 terminals outside CJK locales.
pub const UNICODE: Glyphs = Glyphs {
    rule: '─',
    bar: '│',
    tee: '┬',
    foot: '┴',
    ellipsis: "…",
    rung: '▪',
    gap: '▫',
    full: '█',
    empty: '░',
    ends: ['▕', '▏'],
    spark: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    bullet: '•',
};

/// Symbols for everything else.
pub const ASCII: Glyphs = Glyphs {
    rule: '-',
    bar: '|',
    tee: '+',
    foot: '+',
    ellipsis: "~",
    rung: '#',
    gap: '.',
    full: '#',
    empty: '.',
    ends: ['[', ']'],
    spark: ['_', '_', '.', '.', '-', '-', '=', '#'],
    bullet: '*',
};

/// Decides once, at start. `chosen` is `--ascii` (`Some("ascii")`) or `--unicode`.
///
/// ASCII where the locale is not UTF-8, is a CJK one (ambiguous widths there are two cells), or the
/// terminal is the Linux console or a vt100.
pub fn decide(chosen: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> &'static Glyphs {
    match chosen {
        Some("ascii") => return &ASCII,
        Some("unicode") => return &UNICODE,
        _ => {}
    }
    let filled = |name| env(name).filter(|value| !value.is_empty());
    let locale = filled("LC_ALL").or_else(|| filled("LC_CTYPE")).or_else(|| filled("LANG")).unwrap_or_default();
    let locale = locale.to_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    let cjk = ["zh", "ja", "ko"].iter().any(|language| locale.starts_with(language));
    let plain = matches!(filled("TERM").unwrap_or_default().as_str(), "linux" | "vt100" | "vt220" | "dumb" | "");
    if utf8 && !cjk && !plain { &UNICODE } else { &ASCII }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_chosen_where_symbols_would_break() {
        let decided = |lang: &'static str, term: &'static str| {
            decide(None, &move |name| match name {
                "LANG" => Some(lang.to_owned()),
                "TERM" => Some(term.to_owned()),
                _ => None,
            })
        };
        assert_eq!(decided("en_GB.UTF-8", "xterm"), &UNICODE);
        assert_eq!(decided("C", "xterm"), &ASCII);
        assert_eq!(decided("ja_JP.UTF-8", "xterm-256color"), &ASCII);
        assert_eq!(decided("de_DE.utf8", "linux"), &ASCII);
        assert_eq!(decide(Some("unicode"), &|_| None), &UNICODE);
    }
}
