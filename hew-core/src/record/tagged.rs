//! A journal's line in its form on disk: one flat object, in which `kind` says what the other fields are.
//!
//! serde reads such a form by way of a copy of everything, because the kind may stand anywhere. hew writes the envelope and
//! the kind first, so that the rest is read as it stands; a line in another order is read by way of the copy. Most lines don't
//! come here from their beginning: [`super::line`] reads envelope, kind and iteration of those in hew's own hand.

use std::borrow::Cow;
use std::fmt;
use std::iter::Flatten;
use std::option;

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{
    self, DeserializeSeed, EnumAccess, IgnoredAny, IntoDeserializer, MapAccess, VariantAccess, Visitor,
};
use serde::ser::{self, Impossible, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use serde_json::Value;

use super::event::{JournalEntry, JournalEvent};
use crate::ids::{IterationId, WorkerId};

const SEQ: &str = "seq";
const AT: &str = "at";
const ELAPSED_MS: &str = "elapsed_ms";
const KIND: &str = "kind";
/// An event's iteration, and its parts, which stand among the event's fields.
const ITERATION: &str = "iteration";
const WORKER: &str = "worker";
const ITER: &str = "iter";

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for JournalEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = JournalEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a journal entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JournalEntry, A::Error> {
        let (mut seq, mut at, mut elapsed_ms) = (None, None, None);
        while let Some(Text(key)) = map.next_key()? {
            match (&*key, seq, at, elapsed_ms) {
                (SEQ, None, ..) => seq = Some(map.next_value::<u64>()?),
                (AT, _, None, _) => {
                    at = Some(stamp(&map.next_value::<Text<'_>>()?.0).map_err(de::Error::custom)?);
                }
                (ELAPSED_MS, .., None) => elapsed_ms = Some(map.next_value::<u64>()?),
                (KIND, Some(seq), Some(at), Some(elapsed_ms)) => {
                    let Text(kind) = map.next_value()?;
                    let event = event(&kind, None, map)?;
                    return Ok(JournalEntry { seq, at, elapsed_ms, event });
                }
                _ => {
                    let mut all = serde_json::Map::new();
                    all.extend(seq.map(|seq| (SEQ.to_owned(), seq.into())));
                    all.extend(at.map(|at| (AT.to_owned(), at.to_rfc3339().into())));
                    all.extend(elapsed_ms.map(|ms| (ELAPSED_MS.to_owned(), ms.into())));
                    all.insert(key.into_owned(), map.next_value()?);
                    while let Some((key, value)) = map.next_entry::<String, Value>()? {
                        all.insert(key, value);
                    }
                    return of_object(all).map_err(de::Error::custom);
                }
            }
        }
        Err(de::Error::missing_field(KIND))
    }
}

/// An entry whose fields stand in any order.
fn of_object(mut all: serde_json::Map<String, Value>) -> Result<JournalEntry, serde_json::Error> {
    let mut take = |key| all.shift_remove(key).ok_or_else(|| de::Error::missing_field(key));
    let seq = u64::deserialize(take(SEQ)?)?;
    let at = DateTime::deserialize(take(AT)?)?;
    let elapsed_ms = u64::deserialize(take(ELAPSED_MS)?)?;
    let kind = String::deserialize(take(KIND)?)?;
    let map = MapDeserializer::<_, serde_json::Error>::new(all.into_iter());
    Ok(JournalEntry { seq, at, elapsed_ms, event: event(&kind, None, map)? })
}

/// A moment as hew writes it (`2026-11-20T19:30:00.012Z`), read by its columns; any other form by its grammar.
fn stamp(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    stamp_of_columns(text.as_bytes()).map_or_else(|| text.parse(), Ok)
}

/// A moment as hew writes it; none of any other form.
pub(super) fn stamp_of_columns(text: &[u8]) -> Option<DateTime<Utc>> {
    let bytes = text.strip_suffix(b"Z")?;
    let (seconds, fraction) = bytes.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.iter().all(|(at, mark)| seconds[*at] == *mark) {
        return None;
    }
    let nanos = match (fraction, fraction.len()) {
        ([], _) => 0,
        ([b'.', digits @ ..], length @ 2..=10) => {
            number_of(digits)? * 10_u32.pow(10 - u32::try_from(length).ok()?)
        }
        _ => return None,
    };
    let two = |at: usize| number_of(&seconds[at..at + 2]);
    let date = NaiveDate::from_ymd_opt(i32::try_from(number_of(&seconds[..4])?).ok()?, two(5)?, two(8)?)?;
    Some(date.and_hms_nano_opt(two(11)?, two(14)?, two(17)?, nanos)?.and_utc())
}

/// The number that nine digits at most make.
#[inline]
fn number_of(digits: &[u8]) -> Option<u32> {
    let mut number = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + u32::from(digit);
    }
    Some(number)
}

/// The event of this kind, whose fields are what is left of an object. Its iteration is among them unless it is given.
pub(super) fn event<'de, A: MapAccess<'de>>(
    kind: &str,
    iteration: Option<IterationId>,
    map: A,
) -> Result<JournalEvent, A::Error> {
    JournalEvent::deserialize(Tagged { kind, fields: Fields { iteration, map } })
}

/// An event's kind, and its fields.
struct Tagged<'a, A> {
    kind: &'a str,
    fields: Fields<A>,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Tagged<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Tagged<'_, A> {
    type Error = A::Error;
    type Variant = Fields<A>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Fields<A>), A::Error> {
        let kind: de::value::StrDeserializer<'_, A::Error> = self.kind.into_deserializer();
        Ok((seed.deserialize(kind)?, self.fields))
    }
}

/// The fields that are left of an event's object.
struct Fields<A> {
    /// The event's iteration, where it is not among them.
    iteration: Option<IterationId>,
    map: A,
}

impl<A> Fields<A> {
    /// The iteration as two fields again.
    fn apart(self) -> Apart<A> {
        let parts = self.iteration.map(|id| [(WORKER, u32::from(id.worker.0)), (ITER, id.iter)]);
        Apart { parts: parts.into_iter().flatten(), part: None, map: self.map }
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while self.map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self.apart()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(de::Error::custom("an event has named fields"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        if fields.contains(&ITERATION) {
            let iteration =
                self.iteration.map_or(Joining::Sought { worker: None, iter: None }, Joining::Known);
            visitor.visit_map(Joined { iteration, map: self.map })
        } else {
            visitor.visit_map(self.apart())
        }
    }
}

/// Fields of an event about an iteration: what stands on disk as two fields of the object is one to serde. As a part that
/// is flattened into the event serde would copy every field.
struct Joined<A> {
    iteration: Joining,
    map: A,
}

/// How far serde was told of an event's iteration.
#[derive(Clone, Copy)]
enum Joining {
    /// Its parts are yet to be found among the fields; serde was told of none.
    Sought { worker: Option<u16>, iter: Option<u32> },
    /// Its key is next.
    Known(IterationId),
    /// Its value is next.
    Due(IterationId),
    /// The rest is fields.
    Told,
}

impl<'de, A: MapAccess<'de>> Joined<A> {
    /// Looks for the iteration's parts, up to a field that comes before both are found.
    fn seek(
        &mut self,
        mut worker: Option<u16>,
        mut iter: Option<u32>,
    ) -> Result<Option<Text<'de>>, A::Error> {
        loop {
            if let (Some(worker), Some(iter)) = (worker, iter) {
                self.iteration = Joining::Known(IterationId { worker: WorkerId(worker), iter });
                return Ok(None);
            }
            match self.map.next_key::<Text<'de>>()? {
                Some(key) if key.0 == WORKER && worker.is_none() => worker = Some(self.map.next_value()?),
                Some(key) if key.0 == ITER && iter.is_none() => iter = Some(self.map.next_value()?),
                Some(other) => {
                    self.iteration = Joining::Sought { worker, iter };
                    return Ok(Some(other));
                }
                None => return Err(de::Error::missing_field(if worker.is_none() { WORKER } else { ITER })),
            }
        }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Joined<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if let Joining::Sought { worker, iter } = self.iteration
            && let Some(Text(other)) = self.seek(worker, iter)?
        {
            return seed.deserialize(key(&other)).map(Some);
        }
        let Joining::Known(id) = self.iteration else { return self.map.next_key_seed(seed) };
        self.iteration = Joining::Due(id);
        seed.deserialize(key(ITERATION)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        let Joining::Due(IterationId { worker, iter }) = self.iteration else {
            return self.map.next_value_seed(seed);
        };
        self.iteration = Joining::Told;
        // By place, as serde reads a struct too: the parts' names need not be told.
        seed.deserialize(SeqDeserializer::new([u32::from(worker.0), iter].into_iter()))
    }
}

fn key<E: de::Error>(name: &str) -> de::value::StrDeserializer<'_, E> {
    name.into_deserializer()
}

/// Fields with an iteration's parts before them.
struct Apart<A> {
    parts: Flatten<option::IntoIter<[(&'static str, u32); 2]>>,
    /// The part whose key was told.
    part: Option<u32>,
    map: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Apart<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some((name, part)) = self.parts.next() else { return self.map.next_key_seed(seed) };
        self.part = Some(part);
        seed.deserialize(key(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.part.take() {
            Some(part) => seed.deserialize(part.into_deserializer()),
            None => self.map.next_value_seed(seed),
        }
    }
}

impl Serialize for JournalEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(SEQ, &self.seq)?;
        map.serialize_entry(AT, &self.at)?;
        map.serialize_entry(ELAPSED_MS, &self.elapsed_ms)?;
        self.event.serialize(Open(&mut map))?;
        map.end()
    }
}

/// Writes an event into an object that is open already, its kind first.
struct Open<'a, M>(&'a mut M);

/// All that serde makes of an event is a variant with named fields; of one that has others within it, a map.
macro_rules! no_event_is {
    ($($method:ident($($type:ty),*) -> $answer:ty;)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<$answer, M::Error> {
            Err(ser::Error::custom("an event has named fields"))
        })*
    };
}

impl<M: SerializeMap> Serializer for Open<'_, M> {
    type Ok = ();
    type Error = M::Error;
    type SerializeSeq = Impossible<(), M::Error>;
    type SerializeTuple = Impossible<(), M::Error>;
    type SerializeTupleStruct = Impossible<(), M::Error>;
    type SerializeTupleVariant = Impossible<(), M::Error>;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        kind: &'static str,
        _: usize,
    ) -> Result<Self, M::Error> {
        self.0.serialize_entry(KIND, kind)?;
        Ok(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        kind: &'static str,
        fields: &T,
    ) -> Result<(), M::Error> {
        self.0.serialize_entry(KIND, kind)?;
        fields.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, kind: &'static str) -> Result<(), M::Error> {
        self.0.serialize_entry(KIND, kind)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, M::Error> {
        Ok(self)
    }

    /// An iteration, whose parts stand among the event's fields.
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, M::Error> {
        Ok(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), M::Error> {
        Err(ser::Error::custom("an event has named fields"))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<(), M::Error> {
        Err(ser::Error::custom("an event has named fields"))
    }

    no_event_is! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
    }
}

impl<M: SerializeMap> SerializeMap for Open<'_, M> {
    type Ok = ();
    type Error = M::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), M::Error> {
        self.0.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), M::Error> {
        self.0.serialize_value(value)
    }

    fn end(self) -> Result<(), M::Error> {
        Ok(())
    }
}

impl<M: SerializeMap> ser::SerializeStructVariant for Open<'_, M> {
    type Ok = ();
    type Error = M::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), M::Error> {
        if key == ITERATION { value.serialize(Open(self.0)) } else { self.0.serialize_entry(key, value) }
    }

    fn end(self) -> Result<(), M::Error> {
        Ok(())
    }
}

impl<M: SerializeMap> ser::SerializeStruct for Open<'_, M> {
    type Ok = ();
    type Error = M::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), M::Error> {
        self.0.serialize_entry(key, value)
    }

    fn end(self) -> Result<(), M::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_by_columns_and_by_grammar() {
        for text in [
            "2026-11-20T19:30:00Z",
            "2026-11-20T19:30:00.0Z",
            "2026-11-20T19:30:00.012Z",
            "2026-11-20T19:30:00.123456789Z",
            "0001-01-01T00:00:00.5Z",
            "2024-02-29T23:59:59.999Z",
        ] {
            assert_eq!(stamp_of_columns(text.as_bytes()), Some(text.parse().unwrap()), "{text}");
        }
        for other in [
            "2026-11-20T19:30:00+01:00",
            "2026-11-20T19:30:60Z",
            "2023-02-29T00:00:00Z",
            "2026-11-20 19:30:00Z",
            "2026-11-20T19:30:00.1234567890Z",
            "2026-1-20T19:30:00.12Z",
            "-026-11-20T19:30:00Z",
            "Z",
            "",
        ] {
            assert_eq!(stamp_of_columns(other.as_bytes()), None, "{other}");
        }
    }
}
