//! How does a command reach Redis without a crate? RESP2 over TCP or a unix socket, one command at a time.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::failure::Failure;

const PATIENCE: Duration = Duration::from_secs(8);

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Nil,
    Int(i64),
    Text(String),
    Array(Vec<Reply>),
}

impl Reply {
    pub fn text(self) -> Option<String> {
        match self {
            Reply::Text(text) => Some(text),
            _ => None,
        }
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Where the server is: `redis://[user:password@]host:port/db` or `unix:///path?db=N`.
#[derive(Debug, PartialEq)]
struct Address {
    unix: bool,
    place: String,
    login: Vec<String>,
    db: String,
}

/// One connection, opened anew after it broke; a command is never sent twice.
pub struct Client {
    address: Address,
    stream: RefCell<Option<BufReader<Box<dyn Stream>>>>,
}

impl Client {
    /// Connects, logs in and selects the database.
    pub fn open(url: &str) -> Result<Self, Failure> {
        let client = Self { address: parse_url(url)?, stream: RefCell::new(None) };
        client.command(&["PING"])?;
        Ok(client)
    }

    /// One command and its reply; an error reply is `Failure::Redis` with the server's words.
    pub fn command<T: AsRef<[u8]>>(&self, argv: &[T]) -> Result<Reply, Failure> {
        let mut held = self.stream.borrow_mut();
        let mut stream = match held.take() {
            Some(stream) => stream,
            None => self.address.connect()?,
        };
        let answered = ask(&mut stream, argv).map_err(|error| Failure::Redis(format!("connection: {error}")))?;
        *held = Some(stream);
        answered.map_err(Failure::Redis)
    }
}

impl Address {
    fn connect(&self) -> Result<BufReader<Box<dyn Stream>>, Failure> {
        let lost = |error: io::Error| Failure::Redis(format!("{}: {error}", self.place));
        let mut stream = BufReader::new(self.dial().map_err(lost)?);
        let login: Vec<&str> = std::iter::once("AUTH").chain(self.login.iter().map(String::as_str)).collect();
        let needed = [(login, !self.login.is_empty()), (vec!["SELECT", &self.db], self.db != "0")];
        for (argv, _) in needed.iter().filter(|(_, needed)| *needed) {
            ask(&mut stream, argv).map_err(lost)?.map_err(Failure::Redis)?;
        }
        Ok(stream)
    }

    fn dial(&self) -> io::Result<Box<dyn Stream>> {
        if self.unix {
            let stream = UnixStream::connect(&self.place)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            return Ok(Box::new(stream));
        }
        let stream = TcpStream::connect(&self.place)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Box::new(stream))
    }
}

fn parse_url(url: &str) -> Result<Address, Failure> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let db = query.split('&').find_map(|part| part.strip_prefix("db=")).unwrap_or("");
    let host_ends = rest.find('/').unwrap_or(rest.len()); // a path may hold an @ of its own
    let (credentials, rest) = match rest[..host_ends].rfind('@') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => ("", rest),
    };
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let login: Vec<String> =
        [user, password].iter().filter(|part| !part.is_empty()).map(|part| decoded(part)).collect();
    let (unix, place, path_db) = match scheme {
        "unix" => (true, decoded(rest), ""),
        "redis" => {
            let (place, db) = rest.split_once('/').unwrap_or((rest, ""));
            let port = if place.rsplit(']').next().unwrap_or("").contains(':') { "" } else { ":6379" };
            (false, format!("{place}{port}"), db)
        }
        _ => return Err(Failure::BadRequest(format!("redis_url \"{url}\" is neither redis:// nor unix://"))),
    };
    let db = [db, path_db, "0"].into_iter().find(|db| !db.is_empty()).unwrap_or("0").to_string();
    Ok(Address { unix, place, login, db })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

type Answered = Result<Reply, String>;

fn ask<T: AsRef<[u8]>>(stream: &mut BufReader<Box<dyn Stream>>, argv: &[T]) -> io::Result<Answered> {
    let mut request = format!("*{}\r\n", argv.len()).into_bytes();
    for part in argv.iter().map(AsRef::as_ref) {
        request.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        request.extend_from_slice(part);
        request.extend_from_slice(b"\r\n");
    }
    stream.get_mut().write_all(&request)?;
    stream.get_mut().flush()?;
    read_reply(stream)
}

fn read_reply(stream: &mut BufReader<Box<dyn Stream>>) -> io::Result<Answered> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it"));
    }
    let line = String::from_utf8_lossy(&line).trim_end().to_string();
    let strange = || io::Error::new(io::ErrorKind::InvalidData, format!("no RESP: {line}"));
    let rest = line.get(1..).ok_or_else(strange)?;
    let number = || rest.parse::<i64>().map_err(|_| strange());
    Ok(match line.as_bytes()[0] {
        b'+' => Ok(Reply::Text(rest.to_string())),
        b'-' => Err(rest.to_string()),
        b':' => Ok(Reply::Int(number()?)),
        b'$' | b'*' if number()? < 0 => Ok(Reply::Nil),
        b'$' => {
            let mut bytes = vec![0; number()? as usize + 2];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        b'*' => {
            let mut items = Vec::new();
            for _ in 0..number()? {
                match read_reply(stream)? {
                    Ok(item) => items.push(item),
                    Err(message) => items.push(Reply::Text(message)),
                }
            }
            Ok(Reply::Array(items))
        }
        _ => return Err(strange()),
    })
}

#[cfg(test)]
mod tests {
    use super::{parse_url, Address};

    #[test]
    fn both_kinds_of_url_are_read() {
        let unix = parse_url("unix:///tmp/a%20b.sock?db=3").unwrap();
        assert_eq!(unix, Address { unix: true, place: "/tmp/a b.sock".into(), login: vec![], db: "3".into() });
        let tcp = parse_url("redis://u:p%40w@127.0.0.1:7000/2").unwrap();
        let login = vec!["u".to_string(), "p@w".to_string()];
        assert_eq!(tcp, Address { unix: false, place: "127.0.0.1:7000".into(), login, db: "2".into() });
        assert_eq!(parse_url("redis://:pw@localhost").unwrap().login, ["pw"]);
        assert_eq!(parse_url("redis://localhost").unwrap().place, "localhost:6379");
        assert!(parse_url("http://localhost").is_err());
    }
}
