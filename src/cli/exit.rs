//! Exit codes: a stable surface, one per kind of failure.

use crate::model::job::RestoreOutcome;
use crate::model::salvage::SalvageOutcome;
use crate::model::trust::VerdictOutcome;
use crate::report::Fault;

/// How the program ends when everything was done.
pub const DONE: u8 = 0;

/// The exit code of a kind of failure. Exhaustive: a new kind must choose.
pub fn of_fault(fault: Fault) -> u8 {
    match fault {
        Fault::Failed => 1,
        Fault::Usage => 2,
        Fault::Integrity => 3,
        Fault::NoKey => 4,
        Fault::Unreachable => 5,
        Fault::Refused => 6,
        Fault::Partly => 7,
        Fault::Inconclusive => 8,
        Fault::Interrupted => 130,
    }
}

/// The exit code of a verdict.
pub fn of_verdict(outcome: VerdictOutcome) -> u8 {
    match outcome {
        VerdictOutcome::Ok => DONE,
        VerdictOutcome::Damaged | VerdictOutcome::Truncated => of_fault(Fault::Integrity),
        VerdictOutcome::WrongKey => of_fault(Fault::NoKey),
        VerdictOutcome::NotComparable | VerdictOutcome::Inconclusive => of_fault(Fault::Inconclusive),
    }
}

/// The exit code of a restore.
pub fn of_restore(outcome: RestoreOutcome) -> u8 {
    match outcome {
        RestoreOutcome::Done => DONE,
        RestoreOutcome::Partly => of_fault(Fault::Partly),
        RestoreOutcome::Failed => of_fault(Fault::Failed),
        RestoreOutcome::Cancelled => of_fault(Fault::Interrupted),
    }
}

/// The exit code of a salvage: never [`DONE`].
pub fn of_salvage(outcome: SalvageOutcome) -> u8 {
    match outcome {
        SalvageOutcome::Partly => of_fault(Fault::Partly),
        SalvageOutcome::Cancelled => of_fault(Fault::Interrupted),
    }
}

/// The gravest of several codes: what speaks against bytes first, what merely says nothing last.
pub fn gravest(codes: impl IntoIterator<Item = u8>) -> u8 {
    const ORDER: [u8; 10] = [130, 3, 4, 5, 1, 6, 7, 2, 8, 0];
    let rank = |code: &u8| ORDER.iter().position(|known| known == code).unwrap_or(0);
    codes.into_iter().min_by_key(rank).unwrap_or(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_verdicts_the_gravest_decides() {
        assert_eq!(gravest([]), 0);
        assert_eq!(gravest([0, 8, 0]), 8);
        assert_eq!(gravest([8, 4, 3, 0]), 3);
        assert_eq!(gravest([0, 130, 3]), 130);
    }
}
