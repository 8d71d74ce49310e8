//! XML, as far as a notification needs it: elements and their text.
//!
//! **Guarantee:** a document type is refused, so no entity is ever defined, expanded or fetched; only the five entities
//! of XML itself and character references are read. Depth and number of elements are limited, and reading does not
//! recurse, so no document can exhaust the stack. What is not well-formed is refused, never read in part. Attributes
//! are passed over: no notification says anything in them.

use crate::Malformed;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

/// Braintree's notifications are five deep and have at most some hundred elements.
const MAX_DEPTH: usize = 32;
const MAX_ELEMENTS: usize = 10_000;

/// A document's elements; the first is the root.
#[derive(Debug)]
pub(super) struct Xml(Vec<Element>);

#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<usize>,
}

const fn malformed(problem: &'static str) -> Malformed {
    Malformed::new("body", "", problem)
}

const NOT_XML: Malformed = malformed("is not XML");

impl Xml {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("is not UTF-8"))?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        reader.config_mut().check_comments = true;
        let mut xml = Self(Vec::new());
        let mut open = Vec::new();
        loop {
            match reader.read_event().map_err(|_| NOT_XML)? {
                Event::Start(start) => xml.open(start.name().as_ref(), &mut open)?,
                // The reader has compared its name with that of the element that is open.
                Event::End(_) => drop(open.pop()),
                Event::Text(text) => xml.say(&text.xml10_content(), &open)?,
                Event::CData(text) => xml.say(&text.xml10_content(), &open)?,
                Event::GeneralRef(entity) => {
                    let mut buffer = [0; 4];
                    xml.say(resolve(&entity, &mut buffer)?, &open)?;
                }
                // With `expand_empty_elements` it never comes; taken as it reads all the same.
                Event::Empty(start) => {
                    xml.open(start.name().as_ref(), &mut open)?;
                    open.pop();
                }
                Event::DocType(_) => return Err(malformed("has a document type")),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof if open.is_empty() && !xml.0.is_empty() => return Ok(xml),
                Event::Eof => return Err(NOT_XML),
            }
        }
    }

    fn open(&mut self, name: &str, open: &mut Vec<usize>) -> Result<(), Malformed> {
        let place = self.0.len();
        if open.len() >= MAX_DEPTH || place >= MAX_ELEMENTS {
            return Err(malformed("has too many elements"));
        }
        match open.last() {
            Some(parent) => self.0[*parent].children.push(place),
            None if place > 0 => return Err(NOT_XML),
            None => {}
        }
        self.0.push(Element { name: name.to_owned(), ..Element::default() });
        open.push(place);
        Ok(())
    }

    fn say(&mut self, text: &str, open: &[usize]) -> Result<(), Malformed> {
        match open.last() {
            Some(place) => self.0[*place].text.push_str(text),
            None if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
            None => return Err(NOT_XML),
        }
        Ok(())
    }

    /// The text of the element at `path`, which starts below the root, without the white space around it; `None` where
    /// there is none, or none of it. A number is the place of a child, whatever its name.
    ///
    /// # Errors
    /// Where an element on the path occurs twice: neither of the two is the one that was meant.
    pub(super) fn text(&self, path: &str) -> Result<Option<&str>, Malformed> {
        let Some(mut element) = self.0.first() else { return Ok(None) };
        for step in path.split('.') {
            let children = || element.children.iter().map(|place| &self.0[*place]);
            let found = match step.parse::<usize>() {
                Ok(place) => children().nth(place),
                Err(_) => {
                    let mut named = children().filter(|child| child.name == step);
                    let first = named.next();
                    if named.next().is_some() {
                        return Err(Malformed::at(path, "occurs twice"));
                    }
                    first
                }
            };
            let Some(found) = found else { return Ok(None) };
            element = found;
        }
        let text = element.text.trim();
        Ok((!text.is_empty() && element.children.is_empty()).then_some(text))
    }
}

/// What a reference stands for, by XML 1.0 §4.1 and §4.6.
fn resolve<'a>(entity: &BytesRef<'_>, buffer: &'a mut [u8; 4]) -> Result<&'a str, Malformed> {
    match entity.resolve_char_ref().map_err(|_| NOT_XML)? {
        Some(character) => Ok(character.encode_utf8(buffer)),
        None => resolve_predefined_entity(&entity.xml10_content()).ok_or(malformed("has an unknown entity")),
    }
}

#[cfg(test)]
mod tests;
