//! Dumps as `mysqldump` and `mariadb-dump` write them, with rows that grow from night to night.

use std::fmt::Write;

use crate::model::units::Moment;

/// A database of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Database {
    /// A web shop: customers, orders, products; a view, a trigger, a function.
    Shop,
    /// Companies, contacts and notes.
    Crm,
    /// Accounts and entries, on MariaDB.
    Ledger,
}

impl Database {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Crm => "crm",
            Self::Ledger => "ledger",
        }
    }

    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Shop => include_str!("../../../assets/demo/shop.sql"),
            Self::Crm => include_str!("../../../assets/demo/crm.sql"),
            Self::Ledger => include_str!("../../../assets/demo/ledger.sql"),
        }
    }

    /// As mysql-backup dumps it: columns are listed, triggers are left out.
    fn archived(self) -> &'static str {
        match self {
            Self::Shop => include_str!("../../../assets/demo/archive-shop.sql"),
            Self::Crm => include_str!("../../../assets/demo/archive-crm.sql"),
            Self::Ledger => include_str!("../../../assets/demo/ledger.sql"),
        }
    }
}

/// How much a dump holds.
#[derive(Debug, Clone, Copy)]
pub struct Volume {
    /// Days since the database began: rows grow with them.
    pub day: u32,
    /// Of all rows, how many in a hundred are there.
    pub percent: u32,
}

/// How many lines of orders there are in the whole database on that day; half as many orders.
pub(super) fn order_items(day: u32) -> u32 {
    Volume { day, percent: 100 }.rows(4_000, 80)
}

/// How many articles the shop sells.
pub(super) const PRODUCTS: u32 = 240;

impl Volume {
    fn rows(self, at_first: u32, per_day: u32) -> u32 {
        (at_first + per_day * self.day) * self.percent / 100
    }
}

/// The whole dump as it was finished at `at`.
pub fn dump(database: Database, volume: Volume, at: Moment) -> String {
    filled(database.template(), volume, at)
}

/// The dump as mysql-backup puts it into an archive: without a line end behind its last line.
pub fn archived(database: Database, volume: Volume, at: Moment) -> String {
    let mut sql = filled(database.archived(), volume, at);
    sql.pop();
    sql
}

fn filled(template: &str, volume: Volume, at: Moment) -> String {
    let mut sql = String::with_capacity(700 << 10);
    for line in template.lines() {
        if let Some(table) = line.strip_prefix("%ROWS ") {
            rows(&mut sql, table.trim_end_matches('%'), volume, at);
        } else if line.contains("%DATE%") {
            sql.push_str(&line.replace("%DATE%", &at.second()));
        } else {
            sql.push_str(line);
        }
        sql.push('\n');
    }
    sql
}

/// One `INSERT` with every row of a table; behind its name may stand its columns.
fn rows(sql: &mut String, table: &str, volume: Volume, at: Moment) {
    let (table, columns) = table.split_once(' ').unwrap_or((table, ""));
    let count = match table {
        "customers" => volume.rows(700, 6),
        "products" => PRODUCTS,
        "orders" => volume.rows(2_000, 40),
        "order_items" => volume.rows(4_000, 80),
        "companies" => volume.rows(150, 1),
        "contacts" => volume.rows(600, 5),
        "notes" => volume.rows(1_600, 20),
        "accounts" => 40,
        "entries" => volume.rows(3_000, 60),
        _ => 2,
    };
    let columns = if columns.is_empty() { String::new() } else { format!(" (`{}`)", columns.replace(' ', "`, `")) };
    write_to(sql, format_args!("INSERT INTO `{table}`{columns} VALUES "));
    for n in 1..=count {
        sql.push_str(if n == 1 { "(" } else { ",(" });
        row(sql, table, n, at);
        sql.push(')');
    }
    sql.push(';');
}

fn row(sql: &mut String, table: &str, n: u32, at: Moment) {
    let dice = Dice::of(table, n);
    let (person, city) = (dice.name(), CITIES[dice.pick(1, CITIES.len())]);
    let cents = dice.cents();
    match table {
        "customers" => {
            let joined = day(at, u64::from(n) % 900 + 30);
            write_to(
                sql,
                format_args!(
                    "{n},'{}{n}@example.com','{person}','{city}','{joined}'",
                    person.to_lowercase().replace(' ', ".")
                ),
            );
        }
        "products" => {
            let Product { sku, title, cents, stock } = Product::of(n);
            write_to(sql, format_args!("{n},'{sku}','{title}',{}.{:02},{stock}", cents / 100, cents % 100));
        }
        "orders" => {
            let customer = dice.pick(3, 600) + 1;
            let note = if dice.pick(4, 9) == 0 { "'please don\\'t ring; leave it with the neighbour'" } else { "NULL" };
            let placed = day(at, dice.pick(6, 700) as u64);
            let status = ["open", "paid", "shipped", "shipped", "returned"][dice.pick(7, 5)];
            let clock = format!("{:02}:{:02}:{:02}", dice.pick(8, 24), dice.pick(9, 60), dice.pick(10, 60));
            write_to(sql, format_args!("{n},{customer},'{placed} {clock}','{status}',{note}"));
        }
        "order_items" => {
            let OrderItem { order, line, product, quantity, cents } = OrderItem::of(n);
            write_to(sql, format_args!("{order},{line},{product},{quantity},{}.{:02}", cents / 100, cents % 100));
        }
        "companies" => {
            write_to(sql, format_args!("{n},'{} {}','{city}'", dice.surname(), KINDS[dice.pick(3, KINDS.len())]))
        }
        "contacts" => {
            let company = dice.pick(3, 140) + 1;
            let address = person.to_lowercase().replace(' ', ".");
            write_to(sql, format_args!("{n},{company},'{person}','{address}@example.org'"));
        }
        "notes" => {
            let (contact, written) = (dice.pick(3, 500) + 1, day(at, dice.pick(6, 400) as u64));
            let body = format!("{}\\n{} {person}.", TALKS[dice.pick(4, TALKS.len())], TALKS[dice.pick(5, TALKS.len())]);
            write_to(sql, format_args!("{n},{contact},'{written} {:02}:15:00','{body}'", dice.pick(7, 10) + 8));
        }
        "accounts" => write_to(sql, format_args!("{n},'A{n:05}','{} account {n}'", KINDS[dice.pick(3, KINDS.len())])),
        "entries" => {
            let (account, booked) = (dice.pick(3, 40) + 1, day(at, dice.pick(6, 700) as u64));
            let sign = if n.is_multiple_of(2) { "-" } else { "" };
            write_to(
                sql,
                format_args!("{n},{account},'{booked}',{sign}{}.{:02},'invoice {n}; {city}'", cents / 10, cents % 100),
            );
        }
        // DBacked's own table: what it knows of its last backup.
        _ if n == 1 => sql.push_str("'dbId','7c1d94b5-0f6e-4f4b-9d52-2f1f6c3ab0de'"),
        _ => write_to(sql, format_args!("'lastBackupDate','{}'", at.0 - 86_400_000)),
    }
}

/// An article that the shop sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Product {
    pub sku: String,
    pub title: String,
    pub cents: u32,
    pub stock: u32,
}

impl Product {
    /// The one with this number.
    pub fn of(n: u32) -> Self {
        let dice = Dice::of("products", n);
        let title = format!("{} {}", KINDS[dice.pick(3, KINDS.len())], THINGS[dice.pick(4, THINGS.len())]);
        Self { sku: format!("SKU{n:05}"), title, cents: dice.cents(), stock: dice.pick(5, 300) as u32 }
    }
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OrderItem {
    pub order: u32,
    pub line: u8,
    pub product: u32,
    pub quantity: u32,
    pub cents: u32,
}

impl OrderItem {
    /// The `n`th of the table.
    pub fn of(n: u32) -> Self {
        let dice = Dice::of("order_items", n);
        let (product, quantity) = (dice.pick(3, 240) as u32 + 1, dice.pick(4, 4) as u32 + 1);
        Self { order: n.div_ceil(2), line: ((n - 1) % 2) as u8 + 1, product, quantity, cents: dice.cents() }
    }
}

fn write_to(sql: &mut String, what: std::fmt::Arguments<'_>) {
    sql.write_fmt(what).expect("writing to a string cannot fail");
}

fn day(at: Moment, days_before: u64) -> String {
    Moment(at.0 - days_before as i64 * 86_400_000).day()
}

/// Picks that are the same in every run: a row must not change from one night to the next.
pub(super) struct Dice(u64);

impl Dice {
    /// Those of a row.
    pub fn of(table: &str, n: u32) -> Self {
        Self(u64::from(n) << 8 | u64::from(table.as_bytes()[0]))
    }

    /// A price or an amount.
    pub fn cents(&self) -> u32 {
        self.pick(2, 9_000) as u32 + 100
    }

    /// One of the numbers below `below`; another for every `salt`.
    pub fn pick(&self, salt: u64, below: usize) -> usize {
        // splitmix64
        let mut mixed = self.0.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 33) as usize % below
    }

    fn surname(&self) -> &'static str {
        SURNAMES[self.pick(11, SURNAMES.len())]
    }

    fn name(&self) -> String {
        format!("{} {}", NAMES[self.pick(12, NAMES.len())], self.surname())
    }
}

const NAMES: [&str; 12] =
    ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Radia", "Ken", "Frances", "Tony", "Karen", "Leslie", "Shafi"];
const SURNAMES: [&str; 12] =
    ["Lindqvist", "Okafor", "Moreau", "Haas", "Tanaka", "Silva", "Novak", "Byrne", "Rossi", "Kaya", "Jansen", "Mbeki"];
const CITIES: [&str; 10] =
    ["Rotterdam", "Lyon", "Graz", "Porto", "Gdańsk", "Malmö", "Leeds", "Zürich", "Bologna", "Brno"];
const KINDS: [&str; 8] = ["Oak", "Steel", "Linen", "Travel", "Garden", "Studio", "Harbour", "Alpine"];
const THINGS: [&str; 8] = ["lamp", "table", "kettle", "blanket", "backpack", "clock", "mirror", "chair"];
const TALKS: [&str; 6] = [
    "Called about the delivery; wants a new date.",
    "Sent the offer, 12 %; waiting for an answer.",
    "Invoice \\'2291\\' is paid.",
    "Asked for the price list; again.",
    "Moved to the new office.",
    "Complaint about packaging -- solved with",
];
