//! What every verb needs: the printer, the flags that all share, and the way to a session.

use tokio_util::sync::CancellationToken;

use crate::cli::args::{Conduct, KeyFlags, Place};
use crate::cli::print::{Form, Printer};
use crate::report::Report;

/// The headless door of one run.
pub struct Door {
    pub place: Place,
    pub keys: KeyFlags,
    pub conduct: Conduct,
    /// Cancelled by the first signal.
    pub cancel: CancellationToken,
    printer: Printer,
}

impl Door {
    /// For the flags of one run.
    pub fn new(place: Place, keys: KeyFlags, conduct: Conduct) -> Self {
        let form = if conduct.json { Form::Json } else { Form::Text };
        Self { place, keys, conduct, cancel: CancellationToken::new(), printer: Printer::new(form) }
    }

    /// Where results and failures go.
    pub fn printer(&self) -> Printer {
        self.printer
    }
}

/// Runs work that blocks (a prompt, a key derivation, a file) away from the threads that serve the network.
///
/// # Errors
///
/// Those of the work.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Report> + Send + 'static,
) -> Result<T, Report> {
    match tokio::task::spawn_blocking(work).await {
        Ok(ended) => ended,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}
