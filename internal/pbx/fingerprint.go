package pbx

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Fingerprints hold a short hash of each field and list as the operator last wrote it.
type Fingerprints map[string]string

// changedBySomebody says that what the store holds is not what was written there last, while what is wanted is: so
// the difference is not a change of mind but of the store.
func (f Fingerprints) changedBySomebody(name, have, want string) bool {
	written, known := f[name]
	return known && fingerprint(have) != written && fingerprint(want) == written
}

// Knows says that the items of a list are those that the record has, or had when the operator last wrote it.
func (r *Record) Knows(list List, items []Item) bool {
	wanted := canonical(items)
	return wanted == canonical(r.Lists[list]) || fingerprint(wanted) == r.Applied[string(list)]
}

// After gives the record's content, and the fingerprints to keep, once the changes are made.
func (r *Record) After(changes []Change) (Content, Fingerprints) {
	content, prints := NewContent(), Fingerprints{}
	if r != nil {
		content = r.Clone()
		for name, print := range r.Applied {
			prints[name] = print
		}
	}
	touched := map[List]bool{}
	for _, change := range changes {
		switch c := change.(type) {
		case Set:
			content.Fields[c.Field] = c.To
			prints[string(c.Field)] = fingerprint(c.To)
		case Add:
			content.Lists[c.List] = append(content.Lists[c.List], c.Item)
			touched[c.List] = true
		case Remove:
			content.Lists[c.List] = without(content.Lists[c.List], c.Item)
			touched[c.List] = true
		}
	}
	for list := range touched {
		prints[string(list)] = fingerprint(canonical(content.Lists[list]))
	}
	return content, prints
}

// Complete adds fingerprints for the fields and lists that a new record has without having been set.
func (f Fingerprints) Complete(kind Kind, content Content) Fingerprints {
	schema := SchemaOf(kind)
	for _, field := range schema.Fields {
		if _, known := f[string(field.Field)]; !known && !field.Data {
			f[string(field.Field)] = fingerprint(content.Fields[field.Field])
		}
	}
	for _, list := range schema.Lists {
		if _, known := f[string(list.List)]; !known {
			f[string(list.List)] = fingerprint(canonical(content.Lists[list.List]))
		}
	}
	return f
}

func without(items []Item, gone Item) []Item {
	var kept []Item
	for _, item := range items {
		if item != gone {
			kept = append(kept, item)
		}
	}
	return kept
}

// canonical writes a list so that equal lists are equal strings, whatever their order.
func canonical(items []Item) string {
	var b strings.Builder
	for _, item := range sorted(items) {
		b.WriteString(item.Key)
		b.WriteByte(0)
		b.WriteString(item.Value)
		b.WriteByte(1)
	}
	return b.String()
}

// fingerprint is eight hexadecimal digits of SHA-256: enough to notice a change, too few to tell a value.
func fingerprint(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:4])
}
