//! What a backup file's name says about the series it belongs to.

use crate::model::foreign::Foreign;

/// A series by its target and its files' names without their times: `smb://nas/share/db_backup`.
pub fn series(folder: &str, name: &str) -> Foreign {
    Foreign::from(format!("{}/{}", folder.trim_end_matches('/'), stem(name)))
}

/// The name up to where its time begins.
fn stem(name: &str) -> &str {
    let bytes = name.as_bytes();
    let year = (0..bytes.len()).find(|&at| {
        let before = at.checked_sub(1).is_none_or(|before| !bytes[before].is_ascii_digit());
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        before && (digits == 4 || digits >= 8)
    });
    let cut = &name[..year.unwrap_or(name.len())];
    let cut = cut.trim_end_matches(['_', '-', '.', ' ']);
    if cut.is_empty() { "backups" } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_no_part_of_a_series() {
        for name in
            ["db_backup_2026-11-21T03:00:00Z.tgz", "db_backup_20261121030000.gz", "db_backup_2026-11-21T03-00-00Z.tgz"]
        {
            assert_eq!(series("s3://b/p/", name).to_string(), "s3://b/p/db_backup");
        }
        assert_eq!(stem("20261121030000.tgz"), "backups");
        assert_eq!(stem("shop42-1234567.gz"), "shop42-1234567.gz");
        assert_eq!(stem("größe_2026-11-21.gz"), "größe");
    }
}
