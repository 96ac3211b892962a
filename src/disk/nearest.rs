//! The valid word that a mistyped one was probably meant to be.

/// The candidate most like `typed`, if any is like it at all.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .map(|candidate| (likeness(&typed, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

fn likeness(typed: &str, candidate: &str) -> f64 {
    let plain = candidate.to_lowercase().replace('-', "_");
    strsim::jaro_winkler(typed, &plain).max(strsim::normalized_damerau_levenshtein(typed, &plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let keys = ["url", "region", "endpoint", "path_style", "profile"];
        assert_eq!(nearest("regoin", keys), Some("region"));
        assert_eq!(nearest("path-style", keys), Some("path_style"));
        assert_eq!(nearest("pathstyle", keys), Some("path_style"));
        assert_eq!(nearest("xyzzy", keys), None);
    }
}
