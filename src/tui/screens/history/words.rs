//! The words of a filter over series, and over the runs of one of them.

use crate::tui::theme::nearest;

/// What stands in front of a state.
pub const STATE: &str = "state";
/// What stands in front of something that the past says.
pub const SAYS: &str = "says";

/// One word of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Where it is looked for; `None`: anywhere.
    pub token: Option<&'static str>,
    /// What is looked for, in small letters.
    pub text: String,
    /// `false` behind `-`: what has it does not pass.
    wanted: bool,
}

impl Word {
    fn of(word: &str, tokens: &[&'static str]) -> Self {
        let word = word.to_lowercase();
        let (rest, wanted) = match word.strip_prefix('-') {
            Some(rest) if !rest.is_empty() => (rest, false),
            _ => (word.as_str(), true),
        };
        let split = rest.split_once(':');
        let known = split.and_then(|(head, text)| Some((*tokens.iter().find(|token| **token == head)?, text)));
        let (token, text) = known.map_or((None, rest), |(token, text)| (Some(token), text));
        Self { token, text: text.to_owned(), wanted }
    }

    /// Whether something passes that has it, or has it not.
    pub fn passes(&self, has: bool) -> bool {
        has == self.wanted
    }

    /// Whether a text has it.
    pub fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.text)
    }

    /// Whether one of these states begins with it.
    pub fn begins(&self, mut states: impl Iterator<Item = &'static str>) -> bool {
        states.any(|state| state.starts_with(&self.text))
    }
}

/// The words of a filter; what stands in front of a colon and is none of `tokens` is a part of its word.
pub fn words(filter: &str, tokens: &[&'static str]) -> Vec<Word> {
    filter.split_whitespace().map(|word| Word::of(word, tokens)).collect()
}

/// What is wrong with the first word that means nothing: no state is called so, or no token, and nothing has it as it
/// stands, which `found` tells.
pub fn problem(
    words: &[Word],
    tokens: &[&'static str],
    states: &[&'static str],
    found: impl Fn(&Word) -> bool,
) -> Option<String> {
    words.iter().find_map(|word| match word.token {
        Some(STATE) => {
            let known = word.begins(states.iter().copied());
            (!known).then(|| format!("no state `{}`: one of {}", word.text, states.join(", ")))
        }
        Some(_) => None,
        None => {
            let (head, _) = word.text.split_once(':')?;
            let named = !head.is_empty() && head.bytes().all(|byte| byte.is_ascii_alphabetic());
            (named && !found(word)).then(|| format!("no token `{head}:`; the nearest is `{}:`", nearest(head, tokens)))
        }
    })
}
