//! How is JSON read and written without a crate? As much of it as the protocol needs; numbers keep their text.

use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// As it was written, so that an id goes back as it came.
    Number(String),
    Text(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn from_text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
        Value::Object(members.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Value {
        text.map_or(Value::Null, Value::Text)
    }
}

/// The value that `text` holds; an error says what was expected, and at which byte.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.spaces();
    match reader.at == text.len() {
        true => Ok(value),
        false => Err(reader.wanted("the end of the line")),
    }
}

const DEEPEST: usize = 64;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn wanted(&self, what: &str) -> String {
        format!("no JSON: {what} is missing at byte {}", self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn took(&mut self, wanted: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(wanted.as_bytes());
        self.at += if found { wanted.len() } else { 0 };
        found
    }

    fn value(&mut self) -> Result<Value, String> {
        self.spaces();
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("no JSON for us: nested deeper than {DEEPEST}"));
        }
        let value = match self.peek() {
            Some(b'{') => self.members(),
            Some(b'[') => self.items(),
            Some(b'"') => self.quoted().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.took("null") => Ok(Value::Null),
            _ if self.took("true") => Ok(Value::Bool(true)),
            _ if self.took("false") => Ok(Value::Bool(false)),
            _ => Err(self.wanted("a value")),
        };
        self.depth -= 1;
        value
    }

    fn members(&mut self) -> Result<Value, String> {
        let mut members = Vec::new();
        self.at += 1;
        loop {
            self.spaces();
            if members.is_empty() && self.took("}") {
                return Ok(Value::Object(members));
            }
            let name = self.quoted()?;
            self.spaces();
            if !self.took(":") {
                return Err(self.wanted("a colon"));
            }
            members.push((name, self.value()?));
            self.spaces();
            if self.took("}") {
                return Ok(Value::Object(members));
            }
            if !self.took(",") {
                return Err(self.wanted("a comma or }"));
            }
        }
    }

    fn items(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.spaces();
            if items.is_empty() && self.took("]") {
                return Ok(Value::Array(items));
            }
            items.push(self.value()?);
            self.spaces();
            if self.took("]") {
                return Ok(Value::Array(items));
            }
            if !self.took(",") {
                return Err(self.wanted("a comma or ]"));
            }
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        match text.parse::<f64>() {
            Ok(_) => Ok(Value::Number(text.to_string())),
            Err(_) => Err(self.wanted("a number")),
        }
    }

    fn quoted(&mut self) -> Result<String, String> {
        if !self.took("\"") {
            return Err(self.wanted("a quote"));
        }
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(mark) = rest.chars().next() else { return Err(self.wanted("the closing quote")) };
            self.at += mark.len_utf8();
            match mark {
                '"' => return Ok(text),
                '\\' => text.push(self.escaped()?),
                mark => text.push(mark),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let mark = self.peek().ok_or_else(|| self.wanted("an escape"))?;
        self.at += 1;
        Ok(match mark {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => mark as char,
            b'u' => {
                let high = self.hex4()?;
                let low = if (0xd800..0xdc00).contains(&high) && self.took("\\u") { self.hex4()? } else { 0 };
                char::decode_utf16([high, low]).next().and_then(Result::ok).unwrap_or('\u{fffd}')
            }
            _ => return Err(self.wanted("a known escape")),
        })
    }

    fn hex4(&mut self) -> Result<u16, String> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.at += 4;
        digits.ok_or_else(|| self.wanted("four hex digits"))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => out.write_str("null"),
            Value::Bool(value) => write!(out, "{value}"),
            Value::Number(text) => out.write_str(text),
            Value::Text(text) => write_text(out, text),
            Value::Array(items) => {
                out.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(out, "{}{item}", if i == 0 { "" } else { "," })?;
                }
                out.write_str("]")
            }
            Value::Object(members) => {
                out.write_str("{")?;
                for (i, (name, value)) in members.iter().enumerate() {
                    out.write_str(if i == 0 { "" } else { "," })?;
                    write_text(out, name)?;
                    write!(out, ":{value}")?;
                }
                out.write_str("}")
            }
        }
    }
}

fn write_text(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    out.write_str("\"")?;
    for mark in text.chars() {
        match mark {
            '"' | '\\' => write!(out, "\\{mark}")?,
            mark if (mark as u32) < 0x20 => write!(out, "\\u{:04x}", mark as u32)?,
            mark => write!(out, "{mark}")?,
        }
    }
    out.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_was_read_is_written_alike() {
        for text in [r#"{"id":7,"list":[1.5,-2,true,null,{}],"text":"a\"b\\c"}"#, "[]", r#""中文""#] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse(r#""\u4e2d\ud83d\ude00\n""#).unwrap().text(), Some("中😀\n"));
    }

    #[test]
    fn what_is_no_json_is_an_error_and_no_panic() {
        for text in
            ["", "{", "[1,]", "nope", "\"abc", "{\"a\" 1}", "1 2", "\"\\u12\"", "\"\\u中中\"", &"[".repeat(9999)]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
