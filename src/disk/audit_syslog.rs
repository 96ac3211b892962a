//! A copy of each audit record for the machine's syslog, as well as it goes.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::model::audit::AuditRecord;

/// Facility `authpriv` (10), severity `notice` (5): where sudo and sshd report.
const PRIORITY: u8 = 10 * 8 + 5;

/// The local syslog socket.
pub(super) struct Syslog(Option<UnixDatagram>);

impl Syslog {
    pub fn open() -> Self {
        Self::at(Path::new("/dev/log"))
    }

    fn at(path: &Path) -> Self {
        let connect = || -> std::io::Result<UnixDatagram> {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        Self(connect().ok())
    }

    /// Sends one record; a full or absent syslog loses it, the log itself has it.
    pub fn send(&self, record: &AuditRecord) {
        let (Some(socket), Ok(json)) = (&self.0, serde_json::to_string(record)) else { return };
        let _ = socket.send(format!("<{PRIORITY}>breakglass[{}]: {json}", record.actor.pid).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use crate::model::audit::{Actor, AuditKind};
    use crate::model::units::Moment;

    use super::*;

    #[test]
    fn a_record_arrives_as_one_datagram_and_no_syslog_is_no_trouble() {
        let record = AuditRecord {
            seq: 3,
            at: Moment(0),
            kind: AuditKind::Event,
            of: None,
            action: "key.load".into(),
            subject: String::new(),
            result: "ok".into(),
            detail: String::new(),
            key: None,
            actor: Actor { pid: 77, ..Actor::default() },
            prev: String::new(),
            hash: "abc".into(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        Syslog::at(&path).send(&record);
        let receiver = UnixDatagram::bind(&path).unwrap();
        Syslog::at(&path).send(&record);
        let mut bytes = [0; 4096];
        let length = receiver.recv(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]);
        assert!(text.starts_with("<85>breakglass[77]: {\"seq\":3,") && text.contains("key.load"), "{text}");
    }
}
