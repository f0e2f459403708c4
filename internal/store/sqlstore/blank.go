package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pbx-operator/pbx-operator/internal/store"
)

// words finds names in texts, in upper or lower case: as whole words, or as the whole text.
type words struct {
	parts []*regexp.Regexp
	whole []string
}

// newWords leaves out what has no letter: numbers stay.
func newWords(names, whole []string) words {
	w := words{whole: whole}
	// The longest first: an address before the name in it.
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	for _, name := range names {
		if strings.ContainsFunc(name, unicode.IsLetter) {
			w.parts = append(w.parts, regexp.MustCompile("(?i)"+strings.ReplaceAll(regexp.QuoteMeta(name), "ß", "(?:ß|ẞ|ss)")))
		}
	}
	return w
}

// blank gives the text without the names.
func (w words) blank(text string) string {
	// Who signed in elsewhere has a prefix that says where, such as oidc: or https://issuer/#.
	last := text[strings.LastIndexAny(text, ":#/")+1:]
	if slices.ContainsFunc(w.whole, func(name string) bool { return strings.EqualFold(name, text) || strings.EqualFold(name, last) }) {
		return ""
	}
	for _, word := range w.parts {
		var kept strings.Builder
		rest := 0
		for _, at := range word.FindAllStringIndex(text, -1) {
			if isWhole(text, at[0], at[1]) {
				kept.WriteString(text[rest:at[0]])
				rest = at[1]
			}
		}
		text = kept.String() + text[rest:]
	}
	return text
}

// escaped is the end of a text that writes a character in hexadecimal, as URIs do (RFC 3986, section 2.1).
var escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}$`)

func isWhole(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	if escape := escaped.FindString(text[:from]); escape != "" {
		code, _ := strconv.ParseUint(escape[1:], 16, 8) // two digits, as they were found
		before = rune(code)
		if code >= utf8.RuneSelf { // a part of a letter
			return false
		}
	}
	after, _ := utf8.DecodeRuneInString(text[to:])
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }
	return !inWord(before) && !inWord(after)
}

// texts are columns of a table in which somebody may have written a name.
type texts struct {
	table   string
	columns []string
	// key is a column of which no two rows may have the same: without the name it is another one.
	key string
	// links are the columns that say that a row is about a person.
	links []string
	// linked: only those rows are looked at. What others write of a person is theirs.
	linked bool
	// who are the columns that say who did something: what names somebody there is an address, or a login alone.
	who []string
	// counted: rows about the record itself are counted when its name is taken out, and those of the purge not at all.
	counted bool
	// ahead: the table only grows, and may be searched before the transaction.
	ahead bool
	// where leaves out rows of which no text is anybody's.
	where string
}

// match selects the rows that name the person: the row, its texts, and whether it is linked to them.
func (t texts) match(p *purge, part string) (query string, args []any) {
	link := "1 = 0"
	for i, column := range t.links {
		var condition string
		condition, args = p.ofIDs(column)
		if i == 0 {
			link = "(" + condition + ")"
		} else {
			link += " OR (" + condition + ")"
		}
	}
	if t.counted {
		link, args = "id > $1 OR (kind = $2 AND name = $3)", []any{p.lastAudit, string(p.t.Desired.Key.Kind), p.t.Desired.Key.Name}
	}
	read := make([]string, len(t.columns))
	for i, column := range t.columns {
		read[i] = "coalesce(" + column + ", '')"
	}
	named := make([]string, len(p.names))
	for i, name := range p.names {
		args = append(args, likely(name))
		named[i] = fmt.Sprintf(`lower(%s) LIKE $%d ESCAPE '!'`, strings.Join(read, " || ' ' || "), len(args))
	}
	conditions := []string{"(" + strings.Join(named, " OR ") + ")"}
	if t.linked {
		conditions = append(conditions, "("+link+")")
	}
	for _, more := range []string{t.where, part} {
		if more != "" {
			conditions = append(conditions, more)
		}
	}
	return fmt.Sprintf("SELECT %s, CASE WHEN %s THEN 1 ELSE 0 END, %s FROM %s WHERE %s",
		p.db.Dialect.RowID, link, strings.Join(read, ", "), t.table, strings.Join(conditions, " AND ")), args
}

// enough bytes of a name find it, and keep the pattern below what a database can do.
const enough = 200

// likely is a pattern that all spellings of a name match, and perhaps more. SQLite knows the case of ASCII
// only, and in another case a letter may be two.
func likely(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i >= enough {
			break
		}
		switch {
		case r >= utf8.RuneSelf:
			b.WriteByte('%')
		case strings.ContainsRune("%_!", r):
			b.WriteString("!" + string(r))
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return "%" + b.String() + "%"
}

// found is a row with a name in it, and its texts without.
type found struct {
	row    any
	linked bool
	texts  []any
}

// find reads the rows in which the person is named, of all or of a part that a condition tells.
func (p *purge) find(ctx context.Context, t texts, part string) ([]found, error) {
	names, who := newWords(p.names, nil), p.who()
	var rows []found
	query, args := t.match(p, part)
	err := each(ctx, p.tx, query, args, func(scan func(...any) error) error {
		f := found{}
		cells := make([]string, len(t.columns))
		into := []any{&f.row, &f.linked}
		for i := range cells {
			into = append(into, &cells[i])
		}
		if err := scan(into...); err != nil {
			return err
		}
		named := false
		for i, cell := range cells {
			w := names
			if slices.Contains(t.who, t.columns[i]) {
				w = who
			}
			without := w.blank(cell)
			if without != cell {
				named = true
				if t.columns[i] == t.key {
					without = rand.Text()
				}
			}
			f.texts = append(f.texts, without)
		}
		if named {
			rows = append(rows, f)
		}
		return nil
	})
	return rows, err
}

// blank takes the person's names out of texts, and says how many of the rows were not linked to them.
func (p *purge) blank(ctx context.Context, t texts, parts []string) (unlinked int64, err error) {
	var rows []found
	for _, part := range parts {
		some, err := p.find(ctx, t, part)
		if err != nil {
			return 0, err
		}
		rows = append(rows, some...)
	}
	assignments := make([]string, len(t.columns))
	for i, column := range t.columns {
		assignments[i] = fmt.Sprintf("%s = CASE WHEN %s IS NOT NULL THEN CAST($%d AS text) END", column, column, i+1)
	}
	update := fmt.Sprintf("UPDATE %s SET %s WHERE "+p.db.Dialect.IsRow, t.table, strings.Join(assignments, ", "),
		fmt.Sprintf("$%d", len(t.columns)+1))
	for _, f := range rows {
		result, err := p.tx.ExecContext(ctx, update, append(f.texts, f.row)...)
		if err != nil {
			return 0, err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 { // somebody moved it, with the name
			return 0, errors.Join(store.ErrChanged, err)
		}
		if !f.linked {
			unlinked++
		}
	}
	return unlinked, nil
}
