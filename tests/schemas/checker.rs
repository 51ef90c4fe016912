//! As much of JSON Schema 2020-12 as our schemas use. A keyword it does not know is a failure, never skipped.

use serde_json::Value;

/// Everything about `value` that `schema` forbids; `root` holds the definitions.
pub(crate) fn faults(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema.as_object().unwrap_or_else(|| panic!("no schema at {at}: {schema}")) {
        if let Some(fault) = keyword_fault(root, keyword, rule, value, at) {
            found.push(fault);
        }
        found.extend(inner_faults(root, schema, keyword, rule, value, at));
    }
    found
}

fn keyword_fault(root: &Value, keyword: &str, rule: &Value, value: &Value, at: &str) -> Option<String> {
    let passes = |schema: &&Value| faults(root, schema, value, at).is_empty();
    let ok = match keyword {
        "type" => match rule {
            Value::Array(types) => types.iter().any(|name| is_a(name, value)),
            name => is_a(name, value),
        },
        "const" => rule == value,
        "enum" => rule.as_array().unwrap().contains(value),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= rule.as_u64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| matches(rule.as_str().unwrap(), text)),
        "anyOf" => rule.as_array().unwrap().iter().any(|schema| passes(&schema)),
        "oneOf" => rule.as_array().unwrap().iter().filter(passes).count() == 1,
        "$schema" | "title" | "description" | "$defs" => true,
        "properties" | "required" | "additionalProperties" | "items" | "$ref" => true,
        unknown => panic!("this checker does not know {unknown:?}"),
    };
    (!ok).then(|| format!("{at}: {value} breaks {keyword} {rule}"))
}

fn inner_faults(root: &Value, schema: &Value, keyword: &str, rule: &Value, value: &Value, at: &str) -> Vec<String> {
    match (keyword, value) {
        ("$ref", _) => {
            let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
            faults(root, root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}")), value, at)
        }
        ("items", Value::Array(items)) => {
            items.iter().enumerate().flat_map(|(n, item)| faults(root, rule, item, &format!("{at}[{n}]"))).collect()
        }
        ("properties", Value::Object(fields)) => fields
            .iter()
            .filter_map(|(name, value)| Some(faults(root, rule.get(name)?, value, &format!("{at}.{name}"))))
            .flatten()
            .collect(),
        ("required", Value::Object(fields)) => {
            let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            names.filter(|name| !fields.contains_key(*name)).map(|name| format!("{at}: no {name}")).collect()
        }
        ("additionalProperties", Value::Object(fields)) => {
            assert_eq!(rule, false);
            let known = schema["properties"].as_object().unwrap();
            fields
                .keys()
                .filter(|name| !known.contains_key(*name))
                .map(|name| format!("{at}: unknown {name}"))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn is_a(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        unknown => panic!("this checker does not know the type {unknown:?}"),
    }
}

/// The patterns that our schemas use, each by hand.
fn matches(pattern: &str, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let positive = |text: &str| digits(text) && !text.starts_with('0');
    match pattern {
        "^[0-9a-f]{40}([0-9a-f]{24})?$" => {
            matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        }
        "^[1-9][0-9]*$" => positive(text),
        "^(auto|[1-9][0-9]*)$" => text == "auto" || positive(text),
        "^[0-9]+$" => digits(text),
        "^\\s*([0-9]+\\s*[A-Za-z]*\\s*)+$" => {
            text.trim_start().starts_with(|c: char| c.is_ascii_digit())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c.is_whitespace())
        }
        unknown => panic!("this checker does not know the pattern {unknown:?}"),
    }
}
