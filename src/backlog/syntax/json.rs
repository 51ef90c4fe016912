//! JSON, strictly by RFC 8259, as a located tree.
//!
//! Knows nothing of tickets. Comments, trailing commas and duplicate keys are refused: what one reader ignores another
//! acts on.

use jsonc_parser::ast::{ObjectProp, ObjectPropName, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Entry, Fault, Lines, Node, Value};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads a JSON document; a syntax error ends it, duplicate keys are all reported.
pub(crate) fn read_json(text: &str) -> Result<Node<'_>, Vec<Fault>> {
    let lines = Lines::of(text);
    let parsed = parse_to_ast(text, &CollectOptions::default(), &STRICT)
        .map_err(|error| vec![Fault::at(&lines, error.range().start, error.kind().to_string())])?;
    let Some(ast) = parsed.value else {
        return Err(vec![Fault::at(&lines, text.len(), "the file holds no JSON value")]);
    };
    let mut tree = Tree { lines, faults: Vec::new() };
    let node = tree.node(ast);
    if tree.faults.is_empty() { Ok(node) } else { Err(tree.faults) }
}

struct Tree<'t> {
    lines: Lines<'t>,
    faults: Vec<Fault>,
}

impl<'t> Tree<'t> {
    fn node(&mut self, ast: Ast<'t>) -> Node<'t> {
        let line = self.lines.line(ast.range().start);
        let value = match ast {
            Ast::StringLit(text) => Value::Text(text.value),
            Ast::NumberLit(number) => number_of(number.value),
            Ast::BooleanLit(value) => Value::Bool(value.value),
            Ast::NullKeyword(_) => Value::Null,
            Ast::Array(array) => Value::List(array.elements.into_iter().map(|item| self.node(item)).collect()),
            Ast::Object(object) => self.table(object.properties),
        };
        Node { line, value }
    }

    fn table(&mut self, properties: Vec<ObjectProp<'t>>) -> Value<'t> {
        self.refuse_duplicates(&properties);
        let entry = |property: ObjectProp<'t>| {
            let line = self.lines.line(property.name.range().start);
            let key = match property.name {
                ObjectPropName::String(text) => text.value,
                ObjectPropName::Word(word) => word.value.into(),
            };
            Entry { key, line, node: self.node(property.value) }
        };
        Value::Table(properties.into_iter().map(entry).collect())
    }

    fn refuse_duplicates(&mut self, properties: &[ObjectProp<'_>]) {
        for (first, again) in super::duplicates(properties, |property| property.name.as_str()) {
            let key = properties[again].name.as_str();
            let first = self.lines.line(properties[first].name.range().start);
            let message = format!("duplicate key {key:?}, first on line {first}");
            self.faults.push(Fault::at(&self.lines, properties[again].name.range().start, message));
        }
    }
}

fn number_of(text: &str) -> Value<'_> {
    text.parse().map_or_else(|_| Value::Number(text.into()), |value| Value::Integer(value, text.into()))
}
