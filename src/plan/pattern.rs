//! Path patterns as tickets declare them, and whether two of them can mean the same path.
//!
//! A path is one or more segments between slashes; no segment is empty. `*`, `?` and `[…]` stay inside a segment, `**`
//! as a whole segment stands for any number of them, `{a,b}` is either, `\` takes the next character as it is. A path
//! without wildcards, and any pattern that ends in `/`, also stands for everything below it; the empty pattern and `.`
//! stand for everything. Knows no tickets and no files.

use crate::plan::class::Class;

/// More alternatives than this, and a pattern stands for everything below what it begins with: too wide is safe.
const MOST_ALTERNATIVES: usize = 64;

/// A declared pattern, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As it was declared.
    text: Box<str>,
    /// One for each way through its braces.
    globs: Vec<Glob>,
}

/// A pattern without braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    segments: Vec<Segment>,
    /// What every path it matches begins with.
    pub(super) prefix: Box<str>,
    /// What every path it matches ends with.
    suffix: Box<str>,
    /// Whether it names one path and all below, without wildcards.
    plain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Wild(Vec<Token>),
    /// `**`
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Class(Class),
    Star,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Self {
        let globs = alternatives(text).iter().map(|text| Glob::parse(text)).collect();
        Self { text: text.into(), globs }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn globs(&self) -> &[Glob] {
        &self.globs
    }

    /// Whether some path is meant by both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.globs.iter().any(|a| other.globs.iter().any(|b| a.meets(b)))
    }

    /// Greater is narrower: a plain path before a pattern, then the deeper, then the longer text.
    pub(super) fn narrowness(&self) -> (bool, usize, usize) {
        let plain = self.globs.iter().all(|g| g.plain);
        let depth = self.globs.iter().map(|g| g.segments.len()).min().unwrap_or(0);
        (plain, depth, self.text.chars().filter(|c| !"*?".contains(*c)).count())
    }
}

impl Glob {
    fn parse(text: &str) -> Self {
        let mut segments: Vec<Segment> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                part => {
                    let segment = Segment::parse(part);
                    // `**/**` says no more than `**`, and would only make the walk longer.
                    if segment != Segment::Any || segments.last() != Some(&Segment::Any) {
                        segments.push(segment);
                    }
                }
            }
        }
        let plain = segments.iter().all(|s| matches!(s, Segment::Literal(_)));
        if (plain || text.ends_with('/')) && segments.last() != Some(&Segment::Any) {
            segments.push(Segment::Any);
        }
        let (prefix, suffix) = (prefix_of(&segments).into(), suffix_of(&segments).into());
        Self { segments, prefix, suffix, plain }
    }

    /// The cheap questions first: most pairs are told apart by how they begin and end.
    fn meets(&self, other: &Self) -> bool {
        let begin_alike = self.prefix.starts_with(&*other.prefix) || other.prefix.starts_with(&*self.prefix);
        if !begin_alike {
            return false;
        }
        if self.plain && other.plain {
            return self.above_or_below(other);
        }
        let end_alike = self.suffix.ends_with(&*other.suffix) || other.suffix.ends_with(&*self.suffix);
        end_alike && self.walk(other)
    }

    /// For two plain paths: whether one is the other or lies below it.
    fn above_or_below(&self, other: &Self) -> bool {
        let shared = self.segments.len().min(other.segments.len()) - 1;
        self.segments[..shared] == other.segments[..shared]
    }

    fn walk(&self, other: &Self) -> bool {
        let (a, b) = (&self.segments, &other.segments);
        product_walk(a, b, |segment| *segment == Segment::Any, Segment::meets)
    }
}

impl Segment {
    fn parse(part: &str) -> Self {
        if part == "**" {
            return Self::Any;
        }
        let tokens = tokens(part);
        let literal: Option<String> =
            tokens.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect();
        literal.map_or(Self::Wild(tokens), |text| Self::Literal(text.into()))
    }

    /// Whether one segment matches both; neither is `**`.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Wild(a), Self::Wild(b)) => tokens_meet(a, b),
            (Self::Wild(wild), Self::Literal(text)) | (Self::Literal(text), Self::Wild(wild)) => {
                let text: Vec<Token> = text.chars().map(Token::Char).collect();
                tokens_meet(wild, &text)
            }
            (Self::Any, _) | (_, Self::Any) => true,
        }
    }
}

impl Token {
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Char(a), Self::Char(b)) => a == b,
            (Self::Class(class), Self::Char(c)) | (Self::Char(c), Self::Class(class)) => class.has(*c),
            (Self::Class(a), Self::Class(b)) => a.meets(b),
            (Self::Class(class), Self::One) | (Self::One, Self::Class(class)) => class.meets(&Class::any()),
            (Self::One | Self::Star, _) | (_, Self::One | Self::Star) => true,
        }
    }
}

fn tokens_meet(a: &[Token], b: &[Token]) -> bool {
    product_walk(a, b, |token| *token == Token::Star, Token::meets)
}

/// Whether some sequence is matched by both `a` and `b`, where an item for which `star` holds matches any number of
/// things, none included, and two other items match one common thing if `meets` says so. Walks the pairs of positions
/// row by row: |a| · |b| steps, each pair once, whatever the stars.
fn product_walk<T>(a: &[T], b: &[T], star: impl Fn(&T) -> bool, meets: impl Fn(&T, &T) -> bool) -> bool {
    let mut row = vec![false; b.len() + 1];
    row[0] = true;
    for i in 0..=a.len() {
        let mut next = vec![false; b.len() + 1];
        for j in 0..=b.len() {
            if !row[j] {
                continue;
            }
            let (left, right) = (a.get(i), b.get(j));
            if right.is_some_and(&star) || left.is_some_and(&star) && right.is_some() {
                row[j + 1] = true;
            }
            if left.is_some_and(&star) || right.is_some_and(&star) && left.is_some() {
                next[j] = true;
            }
            if let (Some(left), Some(right)) = (left, right)
                && !star(left)
                && !star(right)
                && meets(left, right)
            {
                next[j + 1] = true;
            }
        }
        if i < a.len() {
            row = next;
        }
    }
    row[b.len()]
}

/// What every match begins with: the literal segments, then the literal characters of the one after them.
fn prefix_of(segments: &[Segment]) -> String {
    let mut prefix = String::new();
    for (at, segment) in segments.iter().enumerate() {
        // A last `**` may stand for nothing, so that not even the slash before it is certain.
        if *segment == Segment::Any && at + 1 == segments.len() {
            break;
        }
        if at > 0 {
            prefix.push('/');
        }
        match segment {
            Segment::Literal(text) => prefix.push_str(text),
            Segment::Wild(tokens) => {
                prefix.extend(tokens.iter().map_while(|t| if let Token::Char(c) = t { Some(*c) } else { None }));
                break;
            }
            Segment::Any => break,
        }
    }
    prefix
}

/// What every match ends with, as far as its last segment tells.
fn suffix_of(segments: &[Segment]) -> String {
    match segments.last() {
        Some(Segment::Literal(text)) => text.to_string(),
        Some(Segment::Wild(tokens)) => {
            let literal = tokens.iter().rev().map_while(|t| if let Token::Char(c) = t { Some(*c) } else { None });
            let backwards: Vec<char> = literal.collect();
            backwards.into_iter().rev().collect()
        }
        Some(Segment::Any) | None => String::new(),
    }
}

fn tokens(part: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        let token = match c {
            '\\' => Token::Char(rest.next().unwrap_or('\\')),
            '?' => Token::One,
            '*' if tokens.last() == Some(&Token::Star) => continue,
            '*' => Token::Star,
            '[' => match Class::parse(rest.as_str()) {
                Some((class, after)) => {
                    rest = after.chars();
                    Token::Class(class)
                }
                None => Token::Char('['),
            },
            c => Token::Char(c),
        };
        tokens.push(token);
    }
    tokens
}

/// Every way through the braces of `text`, innermost included, in order.
fn alternatives(text: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(text) = open.pop() {
        match first_brace(&text) {
            None => done.push(text),
            Some((start, end, cuts)) => {
                let mut from = start + 1;
                let mut ways = Vec::new();
                for cut in cuts.into_iter().chain([end]) {
                    ways.push(format!("{}{}{}", &text[..start], &text[from..cut], &text[end + 1..]));
                    from = cut + 1;
                }
                open.extend(ways.into_iter().rev());
            }
        }
        if done.len() + open.len() > MOST_ALTERNATIVES {
            return vec![wider(&text_before_brace(&done, &open))];
        }
    }
    done
}

/// The whole segments that all alternatives begin with, and everything below.
fn wider(begins_with: &str) -> String {
    begins_with.rfind('/').map_or_else(|| "**".to_owned(), |slash| format!("{}/**", &begins_with[..slash]))
}

fn text_before_brace(done: &[String], open: &[String]) -> String {
    let mut texts = done.iter().chain(open);
    let first = texts.next().cloned().unwrap_or_default();
    texts.fold(first, |common, text| {
        common.chars().zip(text.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    })
}

/// The first `{…}` with a comma: its ends, and its commas at its own depth. Escaped and classed characters are text.
fn first_brace(text: &str) -> Option<(usize, usize, Vec<usize>)> {
    let mut stack: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut found: Option<(usize, usize, Vec<usize>)> = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '{' => stack.push((at, Vec::new())),
            ',' => {
                if let Some((_, cuts)) = stack.last_mut() {
                    cuts.push(at);
                }
            }
            '}' => {
                if let Some((start, cuts)) = stack.pop()
                    && !cuts.is_empty()
                    && found.as_ref().is_none_or(|(first, ..)| start < *first)
                {
                    found = Some((start, at, cuts));
                }
            }
            _ => {}
        }
        if stack.is_empty() && found.is_some() {
            break;
        }
    }
    found
}
