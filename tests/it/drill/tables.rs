//! Random tables.

use crate::drill::columns::{self, Kind};
use crate::drill::random::Random;
use crate::support::databases::Product;

pub struct Column {
    /// In backticks.
    pub name: String,
    /// What it holds; nothing for one that is computed.
    pub kind: Option<Kind>,
    /// Whether a row needs a value for it.
    pub required: bool,
    pub is_auto: bool,
    pub in_key: bool,
}

pub struct Table {
    /// In backticks.
    pub name: String,
    pub columns: Vec<Column>,
    pub create: String,
}

impl Table {
    /// Its columns that statements may set.
    pub fn settable(&self) -> impl Iterator<Item = (&Column, &Kind)> {
        self.columns.iter().filter_map(|column| Some((column, column.kind.as_ref()?)))
    }
}

const NAMES: [&str; 6] = ["select", "a`b", "wéird 表", "with space", "it's", "x;-- y"];

/// Two to four tables, the last two of which may be a parent and a child.
pub fn tables(random: &mut Random, product: Product) -> Vec<Table> {
    let mut tables: Vec<_> = (0..random.between(2, 3)).map(|nth| table(random, product, nth)).collect();
    if random.one_in(2) {
        tables.extend(family(random, product));
    }
    tables
}

fn name(random: &mut Random, plain: String) -> String {
    let name = if random.one_in(6) { format!("{} {plain}", random.pick(&NAMES)) } else { plain };
    format!("`{}`", name.replace('`', "``"))
}

fn table(random: &mut Random, product: Product, nth: u64) -> Table {
    let name_of_it = name(random, format!("t{nth}"));
    let (mut columns, mut lines) = (vec![], vec![]);
    let shape = random.below(9);
    let in_key = match shape {
        0..=3 => 1,
        4 | 5 => 2,
        6 => random.between(1, 2),
        _ => 0,
    };
    for at in 0..in_key {
        let is_auto = shape == 0 && at == 0;
        let name = name(random, format!("k{at}"));
        let (kind, declared) = if is_auto {
            (Kind::Int { bits: 32, unsigned: true }, "INT UNSIGNED".to_owned())
        } else {
            columns::keyable(random, product)
        };
        let auto = if is_auto { " AUTO_INCREMENT" } else { "" };
        let default = default_of(&kind).filter(|_| !is_auto).unwrap_or_default();
        lines.push(format!("{name} {declared} NOT NULL{default}{auto}"));
        columns.push(Column { name, kind: Some(kind), required: !is_auto, is_auto, in_key: true });
    }
    let prefixed = shape == 7;
    if prefixed {
        let name = name(random, "k".into());
        lines.push(format!("{name} BLOB NOT NULL"));
        let kind = Some(Kind::Bytes { longest: 40, fixed: false });
        columns.push(Column { name, kind, required: true, is_auto: false, in_key: true });
    }
    for at in 0..random.between(1, 7) {
        plain_column(random, product, at, &mut columns, &mut lines);
    }
    extras(random, product, &mut columns, &mut lines);
    keys(random, shape, prefixed, &columns, &mut lines);
    if random.one_in(3) {
        shuffle(random, &mut columns, &mut lines);
    }
    let charset = *random.pick(&["", "", " DEFAULT CHARSET=latin1", " DEFAULT CHARSET=utf8mb4"]);
    let create = format!("CREATE TABLE {name_of_it} (\n  {}\n) ENGINE=InnoDB{charset};\n", lines.join(",\n  "));
    Table { name: name_of_it, columns, create }
}

fn plain_column(random: &mut Random, product: Product, at: u64, columns: &mut Vec<Column>, lines: &mut Vec<String>) {
    let name = name(random, format!("c{at}"));
    let (kind, declared) = columns::any(random, product);
    let not_null = random.one_in(4);
    let null = match (&kind, not_null) {
        (Kind::Timestamp(_), false) => " NULL DEFAULT NULL".to_owned(),
        (_, false) => String::new(),
        (kind, true) => format!(" NOT NULL{}", default_of(kind).unwrap_or_default()),
    };
    let hidden = if !not_null && random.one_in(8) { " INVISIBLE" } else { "" };
    lines.push(format!("{name} {declared}{null}{hidden}"));
    columns.push(Column { name, kind: Some(kind), required: not_null, is_auto: false, in_key: false });
}

/// Old servers give a TIMESTAMP without a default one of their own.
fn default_of(kind: &Kind) -> Option<String> {
    matches!(kind, Kind::Timestamp(_)).then(|| " DEFAULT '2001-01-01 00:00:00'".to_owned())
}

/// Columns that the server fills by itself.
fn extras(random: &mut Random, product: Product, columns: &mut Vec<Column>, lines: &mut Vec<String>) {
    if random.one_in(3) {
        let (digits, parens) = *random.pick(&[(0, ""), (3, "(3)"), (6, "(6)")]);
        let (kind, word) = if random.one_in(2) {
            (Kind::Timestamp(digits), "TIMESTAMP")
        } else {
            (Kind::DateTime(digits), "DATETIME")
        };
        let now = format!("CURRENT_TIMESTAMP{parens}");
        lines.push(format!("`upd` {word}{parens} NOT NULL DEFAULT {now} ON UPDATE {now}"));
        columns.push(Column { name: "`upd`".into(), kind: Some(kind), required: false, is_auto: false, in_key: false });
    }
    for stored in ["VIRTUAL", "STORED"] {
        if !random.one_in(3) {
            continue;
        }
        let of = columns.iter().find_map(|column| match column.kind.as_ref()? {
            Kind::Int { .. } if !column.is_auto => Some(format!("BIGINT AS ({} DIV 2)", column.name)),
            Kind::Bytes { fixed: false, .. } => Some(format!("INT AS (LENGTH({}))", column.name)),
            _ => None,
        });
        if let Some(of) = of {
            let name = format!("`g {}`", stored.to_lowercase());
            lines.push(format!("{name} {of} {stored}"));
            columns.push(Column { name, kind: None, required: false, is_auto: false, in_key: false });
        }
    }
    if product == Product::Mysql && random.one_in(5) {
        let int = columns
            .iter()
            .find(|column| !column.is_auto && matches!(column.kind, Some(Kind::Int { bits: 8..=32, .. })));
        lines.extend(int.map(|int| format!("KEY fx (({} + 1))", int.name)));
    }
}

fn keys(random: &mut Random, shape: u64, prefixed: bool, columns: &[Column], lines: &mut Vec<String>) {
    let names = columns.iter().filter(|column| column.in_key).map(|column| column.name.as_str());
    let names = names.collect::<Vec<_>>().join(",");
    match shape {
        _ if prefixed => lines.push(format!("PRIMARY KEY ({names}(5))")),
        0..=5 => lines.push(format!("PRIMARY KEY ({names})")),
        6 => lines.push(format!("UNIQUE KEY u ({names})")),
        _ => {}
    }
    // One that is unique and may be NULL tells no rows apart.
    let may = columns.iter().find(|column| {
        let kind = matches!(column.kind, Some(Kind::Int { bits: 32.., .. } | Kind::Uuid | Kind::Decimal { .. }));
        kind && !column.required && !column.in_key && !column.is_auto
    });
    if let Some(column) = may.filter(|_| random.one_in(3)) {
        lines.push(format!("UNIQUE KEY maybe ({})", column.name));
    }
}

/// Columns in another order: the key need not be the first.
fn shuffle(random: &mut Random, columns: &mut [Column], lines: &mut [String]) {
    let computed = columns.iter().filter(|column| column.kind.is_none()).count();
    let plain = columns.len() - computed;
    if computed > 0 {
        return;
    }
    for at in (1..plain).rev() {
        let other = random.below(at as u64 + 1) as usize;
        columns.swap(at, other);
        lines.swap(at, other);
    }
}

/// A parent and a child; where cascades are not in the log, only those that their undoing undoes.
fn family(random: &mut Random, product: Product) -> Vec<Table> {
    let deletes: &[&str] = match product {
        Product::Mysql => &["CASCADE", "SET NULL", "RESTRICT", "NO ACTION"],
        Product::Mariadb => &["RESTRICT", "NO ACTION"],
    };
    let (on_delete, on_update) = (random.pick(deletes), random.pick(&["CASCADE", "RESTRICT"]));
    let column = |name: &str, kind: Kind, required: bool| Column {
        name: format!("`{name}`"),
        kind: Some(kind),
        required,
        is_auto: false,
        in_key: name == "id",
    };
    let small = || Kind::Bit(4);
    let label = || Kind::Text { charset: "utf8mb4", longest: 10 };
    let parent = Table {
        name: "`parent`".into(),
        columns: vec![column("id", small(), true), column("v", label(), false)],
        create: "CREATE TABLE `parent` (`id` INT NOT NULL PRIMARY KEY, `v` VARCHAR(10) CHARACTER SET utf8mb4) \
            ENGINE=InnoDB;\n"
            .into(),
    };
    let child = Table {
        name: "`child`".into(),
        columns: vec![column("id", Kind::Bit(8), true), column("pid", small(), false), column("v", label(), false)],
        create: format!(
            "CREATE TABLE `child` (`id` INT NOT NULL PRIMARY KEY, `pid` INT, `v` VARCHAR(10) CHARACTER SET utf8mb4, \
            CONSTRAINT f FOREIGN KEY (`pid`) REFERENCES `parent` (`id`) ON DELETE {on_delete} ON UPDATE {on_update}) \
            ENGINE=InnoDB;\n"
        ),
    };
    vec![parent, child]
}
