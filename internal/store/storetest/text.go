package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
	"github.com/pbx-operator/pbx-operator/internal/store"
)

// tenThousand letters, of two bytes each.
var tenThousand = strings.Repeat("Ä", 10000)

// longestNumber is what Asterisk's own tables have room for; the API's numbers are shorter.
const longestNumber = 80

var strange = []struct{ name, value string }{
	{"quotes", `O'Brien "the" ` + "`boss`" + ` ''; DROP TABLE pbx_users; --`},
	{"backslashes", `\ \\ \n \x00 \u0000 $1 ? :name @x`},
	{"percent signs", `%s %d %% 100% _ [a] *`},
	{"right to left", "עדה לאבלייס \u200fمرحبا\u200e"},
	{"four bytes", "𝒜𝒹𝒶 👩🏽‍💻 🏴󠁧󠁢󠁥󠁮󠁧󠁿"},
	{"combining", "e\u0301 vs é, ﬀ, İ, ß, ẞ"},
	{"control", "tab\there\nline\r\nend\x01\x1f\x7f\u0085\u2028\ufeff"},
	{"spaces", "  before and after  "},
	{"JSON", `{"a":["b",null]}`},
	{"10,000 letters", tenThousand},
	{"the word NULL", "NULL"},
}

// strangeObjects have a text in every field and list that is free text.
func strangeObjects(value string) []object {
	number := string([]rune(value)[:min(len([]rune(value)), longestNumber)])
	u, e, p := user("text"), extension("text", number), phone("text")
	u.user = pbx.User{
		FirstName: value, LastName: value, Email: value, Department: value, Location: value, BusinessUnit: value, Role: value,
		Login: value, Groups: []string{value}, AgentIDs: []string{value}, Services: []string{value}, PrimaryService: value,
		Integrations: []pbx.Item{{Key: value, Value: value}}, OffboardingServices: value,
	}
	u.given = map[pbx.Field]string{pbx.FieldPasswordHash: value, pbx.FieldPasswordApplied: value, pbx.FieldPasswordSecret: value}
	e.number = pbx.Number{
		Number: number, DirectNumbers: []string{value}, Holder: value, DisplayName: value,
		Voicemail: pbx.Voicemail{Email: value}, OnRelease: []string{value},
	}
	e.given = map[pbx.Field]string{
		pbx.FieldPIN: value, pbx.FieldPINApplied: value, pbx.FieldPINSecret: value, pbx.FieldMailbox: value,
	}
	p.phone = pbx.Phone{
		Type: value, Extension: value, Label: value, Language: value, DeviceType: value, DeviceModel: value,
		SIPUsername: value, Transport: value, Applications: value, Keys: value, Attached: value,
		ForeignSystem: value, ForeignURL: value,
	}
	p.given = map[pbx.Field]string{pbx.FieldHA1: value, pbx.FieldHA1B: value, pbx.FieldMAC: value}
	return []object{u, e, p}
}

func testText(t *testing.T, b Backend) {
	f := newFixture(t, b)
	for _, each := range strange {
		t.Run(each.name, func(t *testing.T) {
			value := each.value
			if len(value) > 1000 {
				value = value[:1000] // an index entry of PostgreSQL has no room for more; other fields are below
			}
			testRoundTrip(f.in(t), each.name, value)
		})
	}
	t.Run("LongFields", func(t *testing.T) {
		f := f.in(t)
		long := ada.but(func(o *object) {
			o.user.FirstName, o.user.Department = tenThousand, tenThousand
		})
		f.apply(ada, long)
		f.sameAs(long)
		f.quiet(long)
	})
	t.Run("Refused", func(t *testing.T) { testRefusedText(f.in(t)) })
}

func testRoundTrip(f *fixture, name, value string) {
	for _, o := range strangeObjects(value) {
		o.uid = name
		f.apply(o)
		f.sameAs(o)
		f.quiet(o)
		f.apply(o.to(pbx.Deleted))
		f.sameAs(o.to(pbx.Deleted))
		bare := newObject(o.kind, o.name).of(name).to(pbx.Active)
		bare.phone.Type, bare.given = "Local", emptied(o.given)
		f.apply(bare)
		f.sameAs(bare)
		f.apply(o.at(3)) // once more: from and to go into the audit
		f.sameAs(o.at(3))
		f.apply(o.at(3).to(pbx.Purged))
	}
	f.drain()
	if found := f.search(value); len(found) > 0 && value != "NULL" {
		f.t.Errorf("left after the purge: %.300q", found)
	}
}

// testRefusedText: what a database cannot hold as text is refused by both, without a trace.
func testRefusedText(f *fixture) {
	f.apply(strangeObjects("before")...)
	for what, bad := range map[string]string{"NUL": "a\x00b", "only NUL": "\x00", "not UTF-8": "a\xffb", "half a letter": "\xf0\x9f\x98"} {
		for i, o := range strangeObjects("before") {
			each := o.desired()
			for field := range each.Fields {
				f.badText(fmt.Sprint(what, " in ", field), o, func(d *pbx.Desired) { d.Fields[field] = bad })
			}
			for list := range each.Lists {
				f.badText(fmt.Sprint(what, " in ", list), o, func(d *pbx.Desired) {
					d.Lists[list] = append(d.Lists[list], pbx.Item{Key: bad, Value: "2"})
				})
			}
			f.badText(what+" everywhere", strangeObjects(bad)[i].but(func(o *object) { o.name = "new" }), func(*pbx.Desired) {})
		}
		f.badText(what+" in an account", strangeObjects("before")[0], func(d *pbx.Desired) {
			d.Lists[pbx.ListIntegrations] = []pbx.Item{{Key: "x", Value: bad}}
		})
	}
}

func (f *fixture) badText(what string, o object, spoil func(*pbx.Desired)) {
	f.t.Helper()
	f.unchanged(what, func() {
		d := o.but(func(*object) {}).desired()
		spoil(&d)
		d.Adopt = true
		if err := f.applyDesired(d); !errors.Is(err, store.ErrRejected) {
			f.t.Errorf("%s: error = %v, want store.ErrRejected", what, err)
		}
	})
}
