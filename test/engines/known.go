package engines

import (
	"regexp"
	"strings"
)

var (
	texts    = regexp.MustCompile(`'(?:[^']|'')*'|\{[a-z]+\}|\$[0-9]+`)
	numbers  = regexp.MustCompile(`-?\b[0-9]+(\.[0-9]+)?\b`)
	commas   = regexp.MustCompile(` *, *`)
	inserted = regexp.MustCompile(`(?i)^\s*insert\s+into\s+(\w+)`)
	spaces   = regexp.MustCompile(`\s+`)
)

// Shape is a statement without its values; of a row that is inserted the table is all, since an engine leaves out what it
// has no value for.
func Shape(statement string) string {
	if row := inserted.FindStringSubmatch(statement); row != nil {
		return "insert into " + strings.ToLower(row[1])
	}
	statement = numbers.ReplaceAllString(texts.ReplaceAllString(statement, "?"), "?")
	statement = commas.ReplaceAllString(spaces.ReplaceAllString(statement, " "), ",")
	return strings.ToLower(strings.Trim(statement, " ;"))
}

// Known says that a statement is in the list of questions.
func Known(statement string) bool {
	for _, q := range Questions {
		if Shape(q.SQL) == Shape(statement) {
			return true
		}
	}
	return false
}

// AsksForAll says that a statement names no row: it reads everything by design, at the start of an engine.
func AsksForAll(statement string) bool {
	shape := Shape(statement)
	return strings.HasPrefix(shape, "select") && !strings.Contains(shape, " where ")
}
