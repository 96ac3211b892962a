//! A person's word: that what is gone from a target was meant to go, and that no more are meant to come.

use std::collections::HashSet;

use crate::model::foreign::Foreign;
use crate::model::seen::SeenSeries;
use crate::model::target::TargetName;
use crate::model::units::counted;
use crate::report::{Fault, Report, Reportable};
use crate::work::catalog::{Catalog, TargetState};
use crate::work::history::rows::{fits, is_one, key_of};
use crate::work::history::seen::seen;
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

/// A series that lies in a target.
struct Lying {
    /// As it is asked for.
    names: Vec<String>,
    url: String,
    series: SeenSeries,
}

impl Lying {
    fn fits(&self, wanted: &str) -> bool {
        self.names.iter().any(|name| fits(wanted, name.as_bytes()))
    }

    /// What it is, for the audit log.
    fn was(&self) -> String {
        format!("{}, the newest of {} UTC", counted(self.series.backups, "backup"), self.series.newest.minute())
    }
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

    /// Notes that no more backups of a series are meant to come (`target:series`, `*` for any text), until one does. From
    /// the newest listing, which the caller has waited for. Blocks. What was retired.
    ///
    /// # Errors
    ///
    /// When nothing that lies there fits, the memory cannot be read or written, or that cannot be recorded.
    pub fn retire(&self, wanted: &str) -> Result<Vec<String>, Report> {
        let (catalog, book) = (self.catalog(), self.0.browser.seen());
        book.note(seen(&catalog)).map_err(|error| error.report())?;
        let fit: Vec<Lying> = self.lying(&catalog).into_iter().filter(|it| it.fits(wanted)).collect();
        if fit.is_empty() {
            let text = format!("no backups of {} lie in a target that was listed", Foreign::from(wanted));
            return Err(Report::new(Fault::Usage, "check::not_there", text, "`breakglass history` names every series"));
        }
        for one in &fit {
            let was = one.was();
            self.event("check.retire", &one.names[0], "ok", &was)?;
            book.retire(&one.url, &one.series.name, one.series.newest).map_err(|error| error.report())?;
        }
        Ok(fit.iter().map(|one| format!("{}: {}", one.names[0], one.was())).collect())
    }

    fn lying(&self, catalog: &Catalog) -> Vec<Lying> {
        let mut lying = vec![];
        for target in seen(catalog) {
            let Some(view) = catalog.targets.iter().find(|view| view.url == target.url) else { continue };
            lying.extend(target.series.into_iter().map(|series| {
                let ruled = key_of(&self.estate().series, &view.name, &series.key, &series.name);
                let mut names = vec![format!("{}:{}", view.name, series.name), ruled.to_string()];
                names.push(format!("{}:{}", view.name, ruled.name));
                Lying { names, url: target.url.clone(), series }
            }));
        }
        lying
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
