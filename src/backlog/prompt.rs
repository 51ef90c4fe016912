//! A prompt put together from the parts that a foreign format keeps apart.
//!
//! Knows nothing of any format.

/// Paragraphs and lists in the order they were added.
#[derive(Default)]
pub(crate) struct Prompt {
    parts: Vec<String>,
}

impl Prompt {
    pub(crate) fn paragraph(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() && self.parts.iter().all(|part| part != text) {
            self.parts.push(text.to_owned());
        }
    }

    pub(crate) fn list(&mut self, heading: &str, items: &[String]) {
        if !items.is_empty() {
            let items = items.iter().map(|item| format!("- {}", item.trim())).collect::<Vec<_>>();
            self.parts.push(format!("{heading}:\n{}", items.join("\n")));
        }
    }

    pub(crate) fn text(self) -> String {
        self.parts.join("\n\n")
    }
}
