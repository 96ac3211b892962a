//! Whether this machine can keep secrets and records.

use rustix::process::{Resource, getrlimit};

use crate::model::foreign::escape;
use crate::model::units::ByteSize;
use crate::seal::secret::{LockedBytes, Locking};
use crate::work::doctor::{Finding, broken, fail, ok, warn};
use crate::work::session::Session;

/// What a few keys, their passphrases and content keys need in locked pages.
const LOCKED: usize = 256 << 10;

pub fn examine(session: &Session) -> Vec<Finding> {
    vec![state(session), locked_memory(), core_dumps(), audit(session)]
}

fn state(session: &Session) -> Finding {
    let folder = &session.paths().state;
    let place = escape(&folder.to_string_lossy());
    match tempfile::tempfile_in(folder) {
        Ok(_) => ok("state folder", format!("{place} can be written")),
        Err(error) => {
            fail("state folder", format!("{place}: {error}"), "make it yours alone (chmod 700), or --state-dir")
        }
    }
}

fn locked_memory() -> Finding {
    let limit = getrlimit(Resource::Memlock).current;
    let limit = limit.map_or_else(|| "without limit".to_owned(), |bytes| format!("up to {}", ByteSize(bytes)));
    match LockedBytes::zeroed(LOCKED).locking() {
        Locking::Locked => ok("locked memory", format!("keys stay out of the swap ({limit})")),
        Locking::Refused => {
            let advice = "raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=, limits.conf), or have no unencrypted swap";
            warn("locked memory", format!("keys may be swapped: the system locks {limit}"), advice)
        }
    }
}

fn core_dumps() -> Finding {
    match getrlimit(Resource::Core).current {
        Some(0) => ok("core dumps", "off for this process"),
        _ => warn("core dumps", "a crash may write keys to the disk", "ulimit -c 0"),
    }
}

fn audit(session: &Session) -> Finding {
    let state = match session.audit_state(None) {
        Ok(state) => state,
        Err(report) => return broken("audit log", &report),
    };
    if let Some((at, what)) = &state.broken {
        let advice = "keep the file as it is and compare it with its copies: somebody or something changed it. \
                      `breakglass audit verify` names the place";
        return fail("audit log", format!("the chain is broken at record {at}: {}", escape(what)), advice);
    }
    if !state.open_intents.is_empty() {
        let text = format!(
            "unbroken, {} records; {} of them began something and have no outcome",
            state.records,
            state.open_intents.len()
        );
        return warn("audit log", text, "a restore runs elsewhere, or one was killed: look at what it left behind");
    }
    ok("audit log", format!("unbroken, {} records", state.records))
}
