package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// personal are the fields of a user that name a person, wherever they are written.
var personal = []pbx.Field{pbx.FieldFirstName, pbx.FieldLastName, pbx.FieldEmail, pbx.FieldLogin}

// shortestPart is the number of letters that a part of a name needs to be looked for alone.
const shortestPart = 3

// findNames finds every name that the person was ever given: what the record and the object say, and what the audit says
// that the record said.
func (p *purge) findNames(ctx context.Context) error {
	if err := p.tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM audit").Scan(&p.lastAudit); err != nil {
		return err
	}
	key := p.t.Desired.Key
	p.note(key.Name)
	p.logins = append(p.logins, key.Name)
	for _, field := range personal {
		p.noteField(field, p.t.Desired.Fields[field])
		if p.t.Observed != nil {
			p.noteField(field, p.t.Observed.Fields[field])
		}
	}
	if p.t.Observed != nil {
		for _, account := range p.t.Observed.Lists[pbx.ListIntegrations] {
			p.note(account.Value)
		}
	}
	if err := p.noteAudit(ctx, "SELECT what, old_value, new_value FROM audit WHERE kind = $1 AND name = $2 AND name <> uid",
		string(key.Kind), key.Name); err != nil {
		return err
	}
	return p.noteBoxes(ctx)
}

// blankAuthor: who asks for their own purge is not named by it.
func (p *purge) blankAuthor(context.Context) error {
	author := &p.t.Author
	author.Requester, author.FieldManager = p.who().blank(author.Requester), p.who().blank(author.FieldManager)
	return nil
}

// noteBoxes finds the addresses that the boxes of the person's extensions had while they held them.
func (p *purge) noteBoxes(ctx context.Context) error {
	var extensions []string
	err := each(ctx, p.tx, `SELECT name FROM pbx_extensions WHERE holder = $1
		UNION SELECT name FROM audit WHERE kind = 'Extension' AND what = 'holder' AND (old_value = $1 OR new_value = $1) ORDER BY 1`,
		[]any{p.t.Desired.Key.Name}, into(&extensions))
	if err != nil {
		return err
	}
	for _, name := range extensions {
		if err := p.noteBox(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// noteBox reads the changes of an extension in their order: between those of its holder, the address is the holder's.
// Who was written into the store by hand never was the holder.
func (p *purge) noteBox(ctx context.Context, extension string) error {
	record, _, err := readRecord(ctx, p.tx, pbx.Key{Kind: pbx.KindExtension, Name: extension}, "")
	if err != nil {
		return err
	}
	box := boxHistory{user: p.t.Desired.Key.Name}
	if record != nil && !record.HolderByHand() {
		box.holder = record.Fields[pbx.FieldHolder]
		if box.holder == box.user {
			p.noteField(pbx.FieldEmail, record.Fields[pbx.FieldVoicemailEmail])
		}
	}
	err = p.tx.QueryRowContext(ctx, `SELECT old_value FROM audit WHERE kind = 'Extension' AND name = $1 AND what = 'holder'
		ORDER BY id LIMIT 1`, extension).Scan(&box.holder) // from when it was created on
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return each(ctx, p.tx, `SELECT what, generation, old_value, new_value FROM audit WHERE kind = 'Extension' AND name = $1
		AND what IN ('holder', 'voicemail_email') ORDER BY id`, []any{extension}, func(scan func(...any) error) error {
		var what, from, to string
		var generation int64
		err := scan(&what, &generation, &from, &to)
		for _, address := range box.next(pbx.Field(what), generation, from, to) {
			p.noteField(pbx.FieldEmail, address)
		}
		return err
	})
}

// boxHistory follows whose the address of a box is.
type boxHistory struct {
	user, holder, address string
	// came and left are the generations in which the user became the holder last, and was no longer.
	came, left int64
}

// next takes a change in, and gives the addresses that were the user's.
func (b *boxHistory) next(field pbx.Field, generation int64, from, to string) []string {
	if field == pbx.FieldHolder {
		b.holder = to
		switch b.user {
		case from:
			b.left = generation
			return []string{b.address}
		case to:
			b.came = generation
		}
		return nil
	}
	b.address = to
	switch {
	case b.holder != b.user && b.left == generation: // the same change took the address away
		return []string{from}
	case b.holder != b.user:
		return nil
	case b.came == generation: // the same change gave them another
		return []string{to}
	default:
		return []string{from, to}
	}
}

// into collects the one column of a query.
func into(all *[]string) func(scan func(...any) error) error {
	return func(scan func(...any) error) error {
		var one string
		err := scan(&one)
		*all = append(*all, one)
		return err
	}
}

// noteAudit notes what rows of the audit say: what, from and to.
func (p *purge) noteAudit(ctx context.Context, query string, args ...any) error {
	return each(ctx, p.tx, query, args, func(scan func(...any) error) error {
		var what, from, to string
		if err := scan(&what, &from, &to); err != nil {
			return err
		}
		switch {
		case slices.Contains(personal, pbx.Field(what)):
			p.noteField(pbx.Field(what), from)
			p.noteField(pbx.Field(what), to)
		case what == string(pbx.ListIntegrations):
			for _, item := range []string{from, to} {
				_, account, _ := strings.Cut(item, "=")
				p.note(account)
			}
		}
		return nil
	})
}

// noteField notes the value of a field. Of a name its parts are names, too.
func (p *purge) noteField(field pbx.Field, value string) {
	p.note(value)
	switch field {
	case pbx.FieldEmail:
		p.addresses = append(p.addresses, value)
	case pbx.FieldLogin:
		p.logins = append(p.logins, value)
	case pbx.FieldFirstName, pbx.FieldLastName:
		for _, part := range strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
			if len([]rune(part)) >= shortestPart {
				p.note(part)
			}
		}
	}
}

// note notes a name in both ways in which Unicode spells its letters, and as an URI does: what writes it elsewhere may use
// the other.
func (p *purge) note(name string) {
	for _, spelled := range []string{name, norm.NFC.String(name), norm.NFD.String(name), url.PathEscape(norm.NFC.String(name))} {
		if spelled != "" && !slices.Contains(p.names, spelled) {
			p.names = append(p.names, spelled)
		}
	}
}

// who finds the person where it is said who did something.
func (p *purge) who() words { return newWords(p.addresses, p.logins) }
