//! Column types of both products, and values for them.

use crate::drill::random::Random;
use crate::support::databases::Product;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Int { bits: u32, unsigned: bool },
    Decimal { precision: u64, scale: u64, unsigned: bool },
    Float,
    Double,
    Bit(u64),
    Date,
    Time(u64),
    DateTime(u64),
    Timestamp(u64),
    Year,
    Text { charset: &'static str, longest: u64 },
    Bytes { longest: u64, fixed: bool },
    Enum(Vec<String>),
    Set(Vec<String>),
    Json,
    Geometry(&'static str),
    Vector(u64),
    Uuid,
    Inet4,
    Inet6,
}

/// Texts that every server can store in a character set, the traps of each among them.
pub fn words(charset: &str) -> &'static [&'static str] {
    match charset {
        "latin1" => &["é", "ÿ", "€", "ß", "a\u{a0}"],
        "utf8mb4" | "gb18030" => &["é", "e\u{301}", "\u{1f600}", "表", "ﬀ", "\u{202e}x", "Ⅷ", "ж"],
        "utf8mb3" | "ucs2" => &["é", "表", "ж", "ﬀ", "\u{202e}x", "e\u{301}"],
        "utf16" | "utf16le" | "utf32" => &["é", "\u{1f600}", "表", "\u{2027}", "ж"],
        "gbk" | "gb2312" => &["中", "表", "运", "文字"],
        "sjis" | "cp932" | "ujis" | "eucjpms" => &["表", "ソ", "能", "ｱ", "漢字"],
        "big5" => &["功", "許", "中", "蓋"],
        "euckr" => &["한", "글", "中"],
        "cp1251" | "koi8r" => &["Ж", "я", "привет"],
        "latin2" => &["ł", "Ž", "é"],
        "greek" => &["Ω", "ά"],
        "hebrew" => &["א", "ת"],
        "tis620" => &["ก", "ข"],
        "ascii" => &["z", "~"],
        other => panic!("no words for {other}"),
    }
}

const CHARSETS: [&str; 21] = [
    "latin1", "utf8mb4", "utf8mb4", "utf8mb4", "utf8mb3", "ucs2", "utf16", "utf16le", "utf32", "gbk", "gb2312", "sjis",
    "cp932", "ujis", "big5", "euckr", "cp1251", "koi8r", "latin2", "greek", "ascii",
];

const PLAIN: [&str; 14] = ["a", "A", "b", "paid", " ", "'", "\"", "\\", "%_", "\n", "\0", "\u{1a}", "`;--", "0"];

/// A string literal that no setting reads in another way.
pub fn quoted(text: &str) -> String {
    format!("_utf8mb4 X'{}'", data_encoding::HEXUPPER.encode(text.as_bytes()))
}

fn bytes(random: &mut Random, longest: u64) -> Vec<u8> {
    let len = if random.one_in(6) { longest.min(4000) } else { random.below(longest.min(12) + 1) };
    (0..len).map(|_| if random.one_in(3) { 0 } else { random.bits() as u8 }).collect()
}

fn text(random: &mut Random, charset: &str, longest: u64) -> String {
    let most = if random.one_in(8) { longest.min(700) } else { longest.min(6) };
    let len = random.below(most + 1);
    let mut text = String::new();
    let mut count = 0;
    loop {
        let word = if random.one_in(2) { *random.pick(&PLAIN) } else { *random.pick(words(charset)) };
        count += word.chars().count() as u64;
        if count > len {
            return text;
        }
        text += word;
    }
}

fn labels(random: &mut Random, charset: &str, most: u64) -> Vec<String> {
    let count = random.between(1, most);
    let mut labels: Vec<String> = vec!["plain".into(), "it's".into(), words(charset)[0].into(), "two words".into()];
    labels.extend((0..count).map(|nth| format!("l{nth}")));
    labels.truncate(count as usize);
    labels
}

fn in_charset(random: &mut Random, product: Product) -> (&'static str, String) {
    let mut charset = *random.pick(&CHARSETS);
    if product == Product::Mysql && random.one_in(12) {
        charset = "gb18030";
    }
    let collation = match (charset, product, random.below(4)) {
        (charset, _, 0) => format!(" COLLATE {charset}_bin"),
        ("utf8mb4", Product::Mysql, 1) => " COLLATE utf8mb4_0900_as_cs".to_owned(),
        ("utf8mb4", Product::Mariadb, 1) => " COLLATE utf8mb4_unicode_nopad_ci".to_owned(),
        ("utf8mb4", _, 2) => " COLLATE utf8mb4_unicode_520_ci".to_owned(),
        ("latin1", _, 1) => " COLLATE latin1_german2_ci".to_owned(),
        _ => String::new(),
    };
    (charset, format!(" CHARACTER SET {charset}{collation}"))
}

/// A type of that can be in a key: its kind, and how it is declared.
pub fn keyable(random: &mut Random, product: Product) -> (Kind, String) {
    match random.below(14) {
        0..=3 => integer(random),
        4 => decimal(random, 30),
        5 | 6 => {
            let (charset, with) = in_charset(random, product);
            let longest = random.between(1, 30);
            let name = if random.one_in(3) { "CHAR" } else { "VARCHAR" };
            (Kind::Text { charset, longest }, format!("{name}({longest}){with}"))
        }
        7 => {
            let (longest, fixed) = (random.between(1, 20), random.one_in(2));
            let name = if fixed { "BINARY" } else { "VARBINARY" };
            (Kind::Bytes { longest, fixed }, format!("{name}({longest})"))
        }
        8 => temporal(random),
        9 => (Kind::Year, "YEAR".into()),
        10 => {
            let width = random.between(1, 64);
            (Kind::Bit(width), format!("BIT({width})"))
        }
        11 => enumeration(random, product),
        12 if product == Product::Mariadb => address(random),
        12 => (Kind::Double, "DOUBLE".into()),
        _ => integer(random),
    }
}

/// Any type.
pub fn any(random: &mut Random, product: Product) -> (Kind, String) {
    match random.below(24) {
        0..=6 => keyable(random, product),
        7 => decimal(random, 65),
        8 => (Kind::Float, "FLOAT".into()),
        9 => (Kind::Double, "DOUBLE".into()),
        10 | 11 => temporal(random),
        12 | 13 => {
            let (charset, with) = in_charset(random, product);
            let packed = if product == Product::Mariadb && random.one_in(4) { " COMPRESSED" } else { "" };
            match random.below(6) {
                0 => (Kind::Text { charset, longest: 30 }, format!("TINYTEXT{with}")),
                1 => (Kind::Text { charset, longest: 2000 }, format!("TEXT{packed}{with}")),
                2 => (Kind::Text { charset, longest: 2000 }, format!("MEDIUMTEXT{with}")),
                3 => (Kind::Text { charset, longest: 2000 }, format!("LONGTEXT{with}")),
                4 => (Kind::Text { charset, longest: 600 }, format!("VARCHAR(600){packed}{with}")),
                _ => (Kind::Text { charset, longest: 90 }, format!("CHAR(90){with}")),
            }
        }
        14 | 15 => match random.below(5) {
            0 => (Kind::Bytes { longest: 200, fixed: false }, "TINYBLOB".into()),
            1 => (Kind::Bytes { longest: 3000, fixed: false }, "BLOB".into()),
            2 => (Kind::Bytes { longest: 3000, fixed: false }, "LONGBLOB".into()),
            3 => (Kind::Bytes { longest: 300, fixed: false }, "VARBINARY(300)".into()),
            _ => (Kind::Bytes { longest: 255, fixed: true }, "BINARY(255)".into()),
        },
        16 => enumeration(random, product),
        17 => {
            let (charset, with) = in_charset(random, product);
            let labels = labels(random, charset, 64);
            let list: Vec<_> = labels.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect();
            (Kind::Set(labels), format!("SET({}){with}", list.join(",")))
        }
        18 | 19 => (Kind::Json, "JSON".into()),
        20 => {
            let name =
                *random.pick(&["GEOMETRY", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "GEOMETRYCOLLECTION"]);
            (Kind::Geometry(name), name.into())
        }
        21 if product == Product::Mysql => (Kind::Vector(3), "VECTOR(3)".into()),
        22 if product == Product::Mariadb => address(random),
        _ => integer(random),
    }
}

fn integer(random: &mut Random) -> (Kind, String) {
    let (name, bits) =
        *random.pick(&[("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64)]);
    let unsigned = random.one_in(2);
    let sign = match (unsigned, random.one_in(4)) {
        (true, true) => " UNSIGNED ZEROFILL",
        (true, false) => " UNSIGNED",
        _ => "",
    };
    (Kind::Int { bits, unsigned }, format!("{name}{sign}"))
}

fn decimal(random: &mut Random, most: u64) -> (Kind, String) {
    let precision = random.between(1, most);
    let scale = random.below(precision.min(30) + 1);
    let unsigned = random.one_in(4);
    let sign = if unsigned { " UNSIGNED" } else { "" };
    (Kind::Decimal { precision, scale, unsigned }, format!("DECIMAL({precision},{scale}){sign}"))
}

fn temporal(random: &mut Random) -> (Kind, String) {
    let digits = random.below(7);
    let parens = if digits == 0 { String::new() } else { format!("({digits})") };
    match random.below(4) {
        0 => (Kind::Date, "DATE".into()),
        1 => (Kind::Time(digits), format!("TIME{parens}")),
        2 => (Kind::DateTime(digits), format!("DATETIME{parens}")),
        _ => (Kind::Timestamp(digits), format!("TIMESTAMP{parens}")),
    }
}

fn enumeration(random: &mut Random, product: Product) -> (Kind, String) {
    let (charset, with) = in_charset(random, product);
    let most = if random.one_in(5) { 300 } else { 6 };
    let labels = labels(random, charset, most);
    let list: Vec<_> = labels.iter().map(|label| format!("'{}'", label.replace('\'', "''"))).collect();
    (Kind::Enum(labels), format!("ENUM({}){with}", list.join(",")))
}

fn address(random: &mut Random) -> (Kind, String) {
    match random.below(3) {
        0 => (Kind::Uuid, "UUID".into()),
        1 => (Kind::Inet4, "INET4".into()),
        _ => (Kind::Inet6, "INET6".into()),
    }
}

fn date(random: &mut Random) -> String {
    match random.below(8) {
        0 => "0000-00-00".into(),
        1 => (*random.pick(&["2021-00-00", "2021-02-31", "0000-00-01", "2021-12-00"])).into(),
        2 => (*random.pick(&["1000-01-01", "9999-12-31", "1969-12-31", "2000-02-29"])).into(),
        _ => format!("{:04}-{:02}-{:02}", random.between(1, 9999), random.between(1, 12), random.between(1, 28)),
    }
}

fn fraction(random: &mut Random, digits: u64) -> String {
    if digits == 0 {
        return String::new();
    }
    let all = 10_u64.pow(digits as u32);
    let part = *random.pick(&[0, 1, all - 1, random_part(all)]);
    format!(".{part:0width$}", width = digits as usize)
}

fn random_part(all: u64) -> u64 {
    123_456_u64 % all
}

fn clock(random: &mut Random, digits: u64) -> String {
    let fraction = fraction(random, digits);
    format!("{:02}:{:02}:{:02}{fraction}", random.below(24), random.below(60), random.below(60))
}

/// A literal for a value of that kind; servers in strict mode take it.
pub fn value(random: &mut Random, kind: &Kind) -> String {
    match kind {
        Kind::Int { bits, unsigned } => whole(random, *bits, *unsigned),
        Kind::Decimal { precision, scale, unsigned } => {
            let mut digits: String = (0..*precision).map(|_| (b'0' + random.below(10) as u8) as char).collect();
            if random.one_in(4) {
                digits = (if random.one_in(2) { "0" } else { "9" }).repeat(*precision as usize);
            }
            digits.insert((precision - scale) as usize, '.');
            let sign = if *unsigned || random.one_in(2) { "" } else { "-" };
            let digits = if digits.starts_with('.') { format!("0{digits}") } else { digits };
            format!("{sign}{}", digits.trim_end_matches('.'))
        }
        Kind::Float => loop {
            let number = f32::from_bits(random.bits() as u32);
            let small = [0.1_f32, -0.0, 1e10, 16_777_217.0, 3.402_823_5e38, 1.175_494_4e-38];
            let number = if random.one_in(2) { *random.pick(&small) } else { number };
            if number.is_finite() {
                break format!("{:e}", f64::from(number));
            }
        },
        Kind::Double => loop {
            let number = f64::from_bits(random.bits());
            let small = [0.1_f64, -0.0, 1e22, 1e81, 1e300, 9_007_199_254_740_993.0, 1e-80, f64::MAX, f64::MIN_POSITIVE];
            let number = if random.one_in(2) { *random.pick(&small) } else { number };
            if number.is_finite() && number.abs() > 1e-300 || number == 0.0 {
                break format!("{number:e}");
            }
        },
        Kind::Bit(width) => {
            let bits = if random.one_in(4) { u64::MAX } else { random.bits() };
            format!("b'{:b}'", bits >> (64 - width))
        }
        Kind::Date => format!("'{}'", date(random)),
        Kind::Time(digits) => match random.below(6) {
            0 => (*random.pick(&["'838:59:59'", "'-838:59:59'", "'00:00:00'"])).into(),
            1 if *digits > 0 => format!("'-00:00:00{}'", fraction(random, *digits)),
            2 => format!("'-{}'", clock(random, *digits)),
            _ => format!("'{}'", clock(random, *digits)),
        },
        Kind::DateTime(digits) => {
            let date = date(random);
            format!("'{date} {}'", clock(random, *digits))
        }
        Kind::Timestamp(digits) => match random.below(6) {
            0 => "'0000-00-00 00:00:00'".into(),
            1 => (*random.pick(&["'1970-01-02 00:00:01'", "'2038-01-18 03:14:07'"])).into(),
            _ => {
                let year = random.between(1971, 2037);
                let (month, day) = (random.between(1, 12), random.between(1, 28));
                format!("'{year}-{month:02}-{day:02} {}'", clock(random, *digits))
            }
        },
        Kind::Year => {
            if random.one_in(5) {
                "0".into()
            } else {
                random.between(1901, 2155).to_string()
            }
        }
        Kind::Text { charset, longest } => quoted(&text(random, charset, *longest)),
        Kind::Bytes { longest, .. } => format!("X'{}'", data_encoding::HEXUPPER.encode(&bytes(random, *longest))),
        Kind::Enum(labels) => quoted(random.pick::<String>(labels)),
        Kind::Set(labels) => {
            let some: Vec<_> = labels.iter().filter(|_| random.one_in(3)).map(String::as_str).collect();
            quoted(&some.join(","))
        }
        Kind::Json => quoted(&json(random, 0)),
        Kind::Geometry(name) => geometry(random, name),
        Kind::Vector(count) => {
            let floats: Vec<u8> = (0..*count).flat_map(|_| (random.below(9) as f32 / 3.0).to_le_bytes()).collect();
            format!("X'{}'", data_encoding::HEXUPPER.encode(&floats))
        }
        Kind::Uuid => {
            let hex = format!("{:016x}{:016x}", random.bits(), random.bits());
            let hex = if random.one_in(5) { "0".repeat(32) } else { hex };
            format!("'{}-{}-{}-{}-{}'", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        }
        Kind::Inet4 => format!("'{}'", std::net::Ipv4Addr::from(random.bits() as u32 >> (8 * random.below(4)))),
        Kind::Inet6 => {
            let all = u128::from(random.bits()) << 64 | u128::from(random.bits());
            format!(
                "'{}'",
                std::net::Ipv6Addr::from(*random.pick(&[all, 0, 1, all >> 96, all << 96, 0xffff_0a00_0001]))
            )
        }
    }
}

fn whole(random: &mut Random, bits: u32, unsigned: bool) -> String {
    let raw = random.bits() >> (64 - bits);
    let raw = if random.one_in(3) { raw % 10 } else { raw };
    let all = u64::MAX >> (64 - bits);
    let raw = match random.below(10) {
        0 => all,
        1 => all >> 1,
        2 => (all >> 1) + 1,
        3 if bits == 64 => 9_007_199_254_740_993,
        _ => raw,
    };
    if unsigned { raw.to_string() } else { (((raw << (64 - bits)) as i64) >> (64 - bits)).to_string() }
}

fn json(random: &mut Random, depth: u32) -> String {
    match random.below(if depth > 2 { 7 } else { 10 }) {
        0 => (*random.pick(&["null", "true", "false"])).into(),
        1 => whole(random, 64, random_sign(depth)),
        2 => whole(random, 16, false),
        3 => format!("{:?}", *random.pick(&[1.5_f64, -0.25, 1e300, 0.1, 123_456.75])),
        4..=6 => json_text(random),
        7 => {
            let members: Vec<_> = (0..random.below(5)).map(|_| json(random, depth + 1)).collect();
            format!("[{}]", members.join(", "))
        }
        _ => {
            let keys = ["a", "b", "longer key", "é", "quo\\\"te", "", "zz"];
            let from = random.below(keys.len() as u64) as usize;
            let count = random.below(5) as usize;
            let keys = keys.iter().cycle().skip(from).take(count);
            let members: Vec<_> = keys.map(|key| format!("\"{key}\": {}", json(random, depth + 1))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn random_sign(depth: u32) -> bool {
    depth.is_multiple_of(2)
}

fn json_text(random: &mut Random) -> String {
    let long = "long text ".repeat(random.below(30) as usize);
    let text = *random.pick(&["", "x", "\\u0000", "\\\\ \\\" \\n", "\u{1f600}", "表", "true", &long]);
    format!("\"{text}\"")
}

fn geometry(random: &mut Random, name: &str) -> String {
    let mut point = || format!("{} {}", random.below(80), random.below(80) as f64 / 4.0);
    let (one, two, three) = (point(), point(), point());
    let text = match name {
        "LINESTRING" => format!("LINESTRING({one}, {two}, {three})"),
        "POLYGON" => "POLYGON((0 0, 10 0, 10 10, 0 10, 0 0))".to_owned(),
        "MULTIPOINT" => format!("MULTIPOINT({one}, {two})"),
        "GEOMETRYCOLLECTION" => format!("GEOMETRYCOLLECTION(POINT({one}), LINESTRING({two}, {three}))"),
        _ => format!("POINT({one})"),
    };
    let srid = *random.pick(&[0, 0, 4326]);
    format!("ST_GeomFromText('{text}', {srid})")
}
