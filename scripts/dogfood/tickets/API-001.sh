# All module pages in one.
for page in docs/modules/*.md; do cat -- "$page"; echo; done >docs/api.md
