//! What two of the demo's targets hold: thirty nights, most of them dull, some of them worth a lesson.

use crate::model::backup::Compression;
use crate::model::units::Moment;
use crate::work::demo::dumps::Database;

/// Nights that the demo goes back.
const NIGHTS: u32 = 30;
const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// Where a backup lies and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Sealed by DBacked, in `offsite`.
    Sealed,
    /// A plain dump, in `nas`.
    Plain(Compression),
}

/// What happened to a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Twist {
    /// Nothing.
    #[default]
    None,
    /// Most of the rows are missing, though the dump ends well.
    Shrunken,
    /// One bit in the middle is not what was written.
    Flipped,
    /// The object is there and empty.
    Empty,
    /// Sealed for a key that nobody here has.
    OtherKey,
    /// The agent died before it wrote the metadata.
    NoMetadata,
    /// The end is missing.
    Cut,
}

/// One backup to be made.
#[derive(Debug, Clone, Copy)]
pub struct Night {
    /// When it was taken.
    pub at: Moment,
    /// Days since the oldest one.
    pub day: u32,
    /// Of what.
    pub database: Database,
    /// Where and how.
    pub form: Form,
    /// What happened to it.
    pub twist: Twist,
}

/// Everything that DBacked and mysqldump left in their two targets at `now`, newest first per series.
pub fn nights(now: Moment) -> Vec<Night> {
    let midnight = now.0.div_euclid(DAY) * DAY;
    // The newest backups are of the last night whose runs are over.
    let last = if now.0 - midnight > 5 * 60 * MINUTE { midnight } else { midnight - DAY };
    let plain = |compression| Form::Plain(compression);
    let mut nights = vec![];
    let mut add = |database, form, (every, first): (u32, u32), minute: i64| {
        for ago in (first..NIGHTS).step_by(every as usize) {
            let at = Moment(last - i64::from(ago) * DAY + minute * MINUTE);
            if let Some(twist) = twist(database, form, ago) {
                nights.push(Night { at, day: NIGHTS - ago, database, form, twist });
            }
        }
    };
    add(Database::Shop, Form::Sealed, (1, 0), 180);
    add(Database::Crm, Form::Sealed, (2, 0), 195);
    add(Database::Ledger, plain(Compression::Gzip), (3, 0), 210);
    add(Database::Crm, plain(Compression::Zstd), (7, 1), 240);
    add(Database::Shop, plain(Compression::None), (7, 2), 225);
    nights
}

/// What happened in that night; `None`: no backup was made.
fn twist(database: Database, form: Form, ago: u32) -> Option<Twist> {
    Some(match (database, form, ago) {
        (Database::Shop, Form::Sealed, 9) => return None,
        (Database::Shop, Form::Sealed, 2) => Twist::Flipped,
        (Database::Shop, Form::Sealed, 5) => Twist::Shrunken,
        (Database::Shop, Form::Sealed, 12) => Twist::NoMetadata,
        (Database::Crm, Form::Sealed, 4) => Twist::Empty,
        (Database::Crm, Form::Sealed, 8) => Twist::OtherKey,
        (Database::Ledger, Form::Plain(_), 6) => Twist::Cut,
        _ => Twist::None,
    })
}
