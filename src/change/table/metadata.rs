//! The optional fields of a table map: `binlog_row_metadata`.

use crate::change::bytes::Bytes;
use crate::change::charset::of_collation;
use crate::change::error::Broken;
use crate::change::frame::Product;
use crate::change::table::{Column, Layout};
use crate::model::foreign::Foreign;

/// Reads all fields; whether the primary key was among them.
pub(super) fn read(mut rest: Bytes<'_>, columns: &mut [Column], product: Product) -> Result<bool, Broken> {
    let is_text = |layout: Layout| layout.is_text(product);
    let mut says_names = false;
    let mut key = false;
    while !rest.is_empty() {
        let kind = rest.u8()?;
        let field = Bytes::new(rest.text()?);
        match kind {
            1 => signs(field, columns),
            2 => default_charset(field, columns, is_text)?,
            3 => charsets(field, columns, is_text)?,
            4 => names(field, columns).map(|()| says_names = true)?,
            5 => labels(field, columns, |layout| matches!(layout, Layout::Set(_)))?,
            6 => labels(field, columns, |layout| matches!(layout, Layout::Enum(_)))?,
            7 => numbers(
                field,
                columns,
                |layout| matches!(layout, Layout::Geometry(_)),
                |column, kind| {
                    column.geometry = Some(kind);
                },
            )?,
            8 => primary_key(field, columns).map(|()| key = true)?,
            9 => prefixed_key(field, columns).map(|()| key = true)?,
            10 => default_charset(field, columns, is_labelled)?,
            11 => charsets(field, columns, is_labelled)?,
            12 => visibility(field, columns),
            13 => numbers(
                field,
                columns,
                |layout| matches!(layout, Layout::Vector(_)),
                |column, size| {
                    column.dimensions = Some(size);
                },
            )?,
            _ => {} // fields of newer servers say more, not something else
        }
    }
    Ok(key || says_names)
}

fn is_labelled(layout: Layout) -> bool {
    matches!(layout, Layout::Enum(_) | Layout::Set(_))
}

/// One bit for each numeric column, from the highest of the first byte on.
fn signs(field: Bytes<'_>, columns: &mut [Column]) {
    let numeric = columns.iter_mut().filter(|column| column.layout.is_numeric());
    for (at, column) in numeric.enumerate() {
        column.unsigned = field.rest().get(at / 8).map(|byte| byte << (at % 8) & 0x80 != 0);
    }
}

/// One bit for each column, from the highest of the first byte on.
fn visibility(field: Bytes<'_>, columns: &mut [Column]) {
    for (at, column) in columns.iter_mut().enumerate() {
        column.visible = field.rest().get(at / 8).map(|byte| byte << (at % 8) & 0x80 != 0);
    }
}

/// The most frequent collation, then the columns that have another, counted among their likes.
fn default_charset(mut field: Bytes<'_>, columns: &mut [Column], of: impl Fn(Layout) -> bool) -> Result<(), Broken> {
    let default = of_collation(field.lenenc()?);
    let mut texts: Vec<_> = columns.iter_mut().filter(|column| of(column.layout)).collect();
    texts.iter_mut().for_each(|column| column.charset = default);
    while !field.is_empty() {
        let (at, collation) = (field.len()?, field.lenenc()?);
        let column = texts.get_mut(at).ok_or(Broken("a character set for a column that is not there"))?;
        column.charset = of_collation(collation);
    }
    Ok(())
}

fn charsets(field: Bytes<'_>, columns: &mut [Column], of: impl Fn(Layout) -> bool) -> Result<(), Broken> {
    numbers(field, columns, of, |column, collation| column.charset = of_collation(collation))
}

/// One number for each column of a kind.
fn numbers(
    mut field: Bytes<'_>,
    columns: &mut [Column],
    of: impl Fn(Layout) -> bool,
    set: fn(&mut Column, u64),
) -> Result<(), Broken> {
    for column in columns.iter_mut().filter(|column| of(column.layout)) {
        if field.is_empty() {
            break;
        }
        set(column, field.lenenc()?);
    }
    Ok(())
}

fn names(mut field: Bytes<'_>, columns: &mut [Column]) -> Result<(), Broken> {
    for column in columns.iter_mut() {
        if field.is_empty() {
            break;
        }
        column.name = Some(Foreign::new(field.text()?));
    }
    Ok(())
}

fn labels(mut field: Bytes<'_>, columns: &mut [Column], of: impl Fn(Layout) -> bool) -> Result<(), Broken> {
    for column in columns.iter_mut().filter(|column| of(column.layout)) {
        if field.is_empty() {
            break;
        }
        let count = field.len()?;
        column.labels = (0..count).map(|_| field.text().map(Foreign::new)).collect::<Result<_, _>>()?;
    }
    Ok(())
}

fn primary_key(mut field: Bytes<'_>, columns: &mut [Column]) -> Result<(), Broken> {
    let mut part = 0;
    while !field.is_empty() {
        key_column(columns, field.len()?, &mut part)?;
    }
    Ok(())
}

fn prefixed_key(mut field: Bytes<'_>, columns: &mut [Column]) -> Result<(), Broken> {
    let mut part = 0;
    while !field.is_empty() {
        let (at, prefix) = (field.len()?, field.lenenc()?);
        key_column(columns, at, &mut part)?.key_prefix = Some(prefix).filter(|prefix| *prefix > 0);
    }
    Ok(())
}

fn key_column<'c>(columns: &'c mut [Column], at: usize, part: &mut u16) -> Result<&'c mut Column, Broken> {
    let column = columns.get_mut(at).ok_or(Broken("a key over a column that is not there"))?;
    column.key_part = Some(*part);
    *part = part.saturating_add(1);
    Ok(column)
}
