//! A person's word that what is gone from a target was meant to go.

use std::collections::HashSet;

use crate::model::foreign::Foreign;
use crate::model::seen::SeenSeries;
use crate::model::target::TargetName;
use crate::model::units::counted;
use crate::report::{Fault, Report, Reportable};
use crate::work::catalog::{Catalog, TargetState};
use crate::work::history::rows::{fits, is_one, key_of};
use crate::work::session::Session;

/// Something that once lay in a target and does not any more.
struct Gone {
    /// As it is asked for: `target:series`, or the target alone.
    names: Vec<String>,
    url: String,
    series: Option<Foreign>,
    /// What it was, for the audit log.
    was: String,
}

impl Session {
    /// Forgets what once lay in a target: a series (`target:series`, `*` for any text), or, where nothing lies in it at
    /// all, the target. From the newest listing, which the caller has waited for. Blocks. What was forgotten.
    ///
    /// # Errors
    ///
    /// When nothing that is gone fits, the memory cannot be read or written, or that cannot be recorded.
    pub fn forget_gone(&self, wanted: &str) -> Result<Vec<String>, Report> {
        let book = self.0.browser.seen();
        let gone = self.gone(&self.catalog())?;
        let fit: Vec<&Gone> =
            gone.iter().filter(|it| it.names.iter().any(|name| fits(wanted, name.as_bytes()))).collect();
        if fit.is_empty() {
            return Err(nothing(wanted, &gone));
        }
        for one in &fit {
            self.event("check.forget", &one.names[0], "ok", &one.was)?;
            book.forget(&one.url, one.series.as_ref()).map_err(|error| error.report())?;
        }
        Ok(fit.iter().map(|one| format!("{}: {}", one.names[0], one.was)).collect())
    }

    fn gone(&self, catalog: &Catalog) -> Result<Vec<Gone>, Report> {
        let seen = self.0.browser.seen().read().map_err(|error| error.report())?;
        let mut gone = vec![];
        for view in &catalog.targets {
            let TargetState::Listed { objects } = view.state else { continue };
            let Some(known) = seen.iter().find(|known| known.url == view.url) else { continue };
            if objects == 0 {
                let was = format!("{} until {} UTC", counted(known.objects, "object"), known.at.minute());
                gone.push(Gone { names: vec![view.name.to_string()], url: known.url.clone(), series: None, was });
            }
            let here = catalog.backups.iter().filter(|backup| backup.target == view.name && is_one(backup));
            let there: HashSet<&Foreign> = here.map(|backup| &backup.series).collect();
            gone.extend(
                known
                    .series
                    .iter()
                    .filter(|it| !there.contains(&it.name))
                    .map(|it| self.series(&view.name, &known.url, it)),
            );
        }
        Ok(gone)
    }

    fn series(&self, target: &TargetName, url: &str, series: &SeenSeries) -> Gone {
        let ruled = key_of(&self.estate().series, target, &series.key, &series.name);
        let names = vec![format!("{target}:{}", series.name), ruled.to_string()];
        let was = format!("{} until {} UTC", counted(series.backups, "backup"), series.at.minute());
        Gone { names, url: url.to_owned(), series: Some(series.name.clone()), was }
    }
}

fn nothing(wanted: &str, gone: &[Gone]) -> Report {
    let text = format!("nothing that is gone fits {}", Foreign::from(wanted));
    let names: Vec<&str> = gone.iter().map(|it| it.names[0].as_str()).take(20).collect();
    let advice = match names[..] {
        [] => "nothing is gone from the targets that were listed".to_owned(),
        [..] => format!("gone: {}", names.join(", ")),
    };
    Report::new(Fault::Usage, "check::not_gone", text, &advice)
}
