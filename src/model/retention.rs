//! When databacker's prune deletes a backup.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::target::TargetName;
use crate::model::units::Moment;

/// What its `retention` says: an age or a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    text: String,
    keep: Keep,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Backups younger than so many hours.
    Hours(u32),
    /// So many of the newest ones of a target.
    Newest(u32),
}

impl Retention {
    /// Reads `12h`, `30d`, `4w`, `6m` (of 30 days), `1y` (of 365 days) or `7c` (the newest seven).
    ///
    /// `None` for everything that the tool itself refuses: no number, none of these letters, zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let count = number.parse::<u32>().ok().filter(|count| plain && *count > 0)?;
        let hours = |each: u32| count.checked_mul(each).map(Keep::Hours);
        let keep = match unit {
            "h" => hours(1),
            "d" => hours(24),
            "w" => hours(24 * 7),
            "m" => hours(24 * 30),
            "y" => hours(24 * 365),
            "c" => Some(Keep::Newest(count)),
            _ => None,
        }?;
        Some(Self { text: text.to_owned(), keep })
    }

    /// What is kept.
    pub fn keep(&self) -> Keep {
        self.keep
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// When a backup is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneAt {
    /// By the first run from then on.
    From(Moment),
    /// By the next run: it is not among the newest ones that are kept.
    NextRun,
    /// After so many more backups.
    After(u32),
    /// Not by this rule: its name or place is not read.
    Never,
}

/// What a target's retention means for one backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prune {
    /// The rule, as it is written.
    pub rule: String,
    /// The target whose prune it is; a prefix may reach into its neighbours.
    pub by: TargetName,
    /// By the tool's own reading: wall clock taken as UTC, its own names only, the list as it sees it.
    pub tool: PruneAt,
    /// By the backup's true time.
    pub truth: PruneAt,
    /// How near that is.
    pub when: Nearness,
}

/// How near a deletion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearness {
    /// The next run does it.
    Due,
    /// Within a day.
    Soon,
    /// Later, or never.
    Later,
}

impl Prune {
    /// The time from which the tool deletes it, where it goes by time.
    pub fn at(&self) -> Option<Moment> {
        moment(self.tool)
    }

    /// The same by the backup's true time.
    pub fn true_at(&self) -> Option<Moment> {
        moment(self.truth)
    }

    /// One sentence for the screen.
    pub fn words(&self) -> String {
        let tool = match self.tool {
            PruneAt::From(at) => format!("deletes it from {} UTC on", at.minute()),
            PruneAt::NextRun => "deletes it at its next run".to_owned(),
            PruneAt::After(1) => "deletes it after one more backup".to_owned(),
            PruneAt::After(more) => format!("deletes it after {more} more backups"),
            PruneAt::Never => "never deletes it".to_owned(),
        };
        let truth = match (self.tool, self.truth) {
            (tool, truth) if tool == truth => String::new(),
            (_, PruneAt::From(at)) => format!("; by its true time {} UTC", at.minute()),
            (_, PruneAt::NextRun) => "; by true times it would go at the next run".to_owned(),
            (_, PruneAt::After(more)) => format!("; by true times it would go after {more} more"),
            (_, PruneAt::Never) => String::new(),
        };
        format!("mysql-backup's prune ({}, {}) {tool}{truth}", self.rule, self.by)
    }
}

fn moment(at: PruneAt) -> Option<Moment> {
    match at {
        PruneAt::From(at) => Some(at),
        PruneAt::NextRun | PruneAt::After(_) | PruneAt::Never => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_the_tool_reads_them() {
        let keep = |text| Retention::parse(text).map(|rule| rule.keep());
        assert_eq!(keep("12h"), Some(Keep::Hours(12)));
        assert_eq!(keep("30d"), Some(Keep::Hours(720)));
        assert_eq!(keep("2w"), Some(Keep::Hours(336)));
        assert_eq!(keep("1m"), Some(Keep::Hours(720)));
        assert_eq!(keep("1y"), Some(Keep::Hours(8760)));
        assert_eq!(keep("007c"), Some(Keep::Newest(7)));
        for wrong in ["", "d", "0d", "0c", "-1d", "+1d", "30", "30D", "1.5d", " 30d", "30d ", "30 d", "30days", "ü"] {
            assert_eq!(keep(wrong), None, "{wrong}");
        }
        assert_eq!(keep("99999999y"), None);
        assert_eq!(Retention::parse("30d").unwrap().to_string(), "30d");
    }
}
