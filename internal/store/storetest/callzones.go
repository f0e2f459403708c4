package storetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"pgregory.net/rapid"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// zones have summer time by an hour, by half an hour, in the south, none, from midnight to the day before, and a day that
// was left out.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Beirut", "Pacific/Apia",
	"Pacific/Chatham",
}

func testCallZones(t *testing.T, b Backend) {
	t.Run("Periods", func(t *testing.T) { testPeriods(newFixture(t, b)) })
	t.Run("Today", func(t *testing.T) { testToday(newFixture(t, b)) })
	t.Run("Renewed", func(t *testing.T) { testZoneRenewed(newFixture(t, b)) })
	t.Run("Kept", func(t *testing.T) { testZoneKept(newFixture(t, b)) })
}

// testPeriods: the days, weeks and months of calls are those that Go's clocks show in the zone of the phone system.
func testPeriods(f *fixture) {
	now := time.Now()
	from, to := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), now.AddDate(3, 0, 0).Unix()
	rapid.Check(f.t, func(t *rapid.T) {
		location := f.zone(rapid.SampledFrom(zones).Draw(t, "zone"))
		changes := pbx.Offsets(location, now)
		var instants []int64
		for range 10 {
			at := rapid.Int64Range(from, to).Draw(t, "at")
			if i := rapid.IntRange(0, len(changes)-1).Draw(t, "change"); i > 0 && rapid.Bool().Draw(t, "near a change") {
				at = changes[i].Since + rapid.Int64Range(-7200, 7200).Draw(t, "seconds")
			}
			if rapid.Bool().Draw(t, "near midnight") {
				y, m, d := time.Unix(at, 0).In(location).Date()
				at = time.Date(y, m, d, 0, 0, rapid.IntRange(-1, 0).Draw(t, "second"), 0, location).Unix()
			}
			instants = append(instants, at)
		}
		if wrong := f.periodsWrong(location, instants); wrong != "" {
			t.Fatal(wrong)
		}
	})
	for _, zone := range zones {
		location := f.zone(zone)
		var instants []int64
		for _, change := range pbx.Offsets(location, now)[1:] {
			instants = append(instants, change.Since-1, change.Since)
		}
		if wrong := f.periodsWrong(location, instants); wrong != "" {
			f.t.Error(wrong)
		}
	}
}

// periodsWrong says what is wrong with the periods of calls that began at these instants; empty: nothing.
func (f *fixture) periodsWrong(location *time.Location, instants []int64) string {
	f.byHand("DELETE FROM cdr")
	want := map[string]map[string]int{"day": {}, "week": {}, "month": {}}
	for _, at := range instants {
		f.insert(call{"calldate": time.Unix(at, 0).UTC().Format(time.DateTime)})
		local := time.Unix(at, 0).In(location)
		y, m, d := local.Date()
		monday := time.Date(y, m, d-(int(local.Weekday())+6)%7, 12, 0, 0, 0, time.UTC)
		want["day"][local.Format(time.DateOnly)]++
		want["week"][monday.Format(time.DateOnly)]++
		want["month"][local.Format("2006-01")]++
	}
	for period, counts := range want {
		var rows []string
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			rows = append(rows, fmt.Sprintf("%s|%d", name, counts[name]))
		}
		if got := f.rows("SELECT " + period + ", calls FROM calls_by_" + period + " ORDER BY 1"); !slices.Equal(got, rows) {
			return fmt.Sprintf("%s: calls by %s %q, want %q", location, period, got, rows)
		}
	}
	return ""
}

// zone has the phone system be in a zone.
func (f *fixture) zone(name string) *time.Location {
	f.t.Helper()
	there := system
	there.TimeZone = name
	if _, err := f.store.Configure(f.t.Context(), there); err != nil {
		f.t.Fatalf("Configure: %v", err)
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		f.t.Fatal(err)
	}
	return location
}

// testToday: today is the one of the phone system; where it is tomorrow already, or yesterday still, as well.
func testToday(f *fixture) {
	f.apply(user("ada"))
	for _, zone := range []string{"UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"} {
		location := f.zone(zone)
		today := func() string { return time.Now().In(location).Format(time.DateOnly) }
		before := today()
		got := f.rows("SELECT day FROM call_center_report")
		if after := today(); !slices.Equal(got, []string{before}) && !slices.Equal(got, []string{after}) {
			f.t.Errorf("%s: days %q, want %s", zone, got, after)
		}
	}
}

// testZoneRenewed: what is missing of a zone is written, what is right costs nothing, and beyond what is known the last
// offset holds.
func testZoneRenewed(f *fixture) {
	there := system
	there.TimeZone = "Europe/Berlin"
	f.configure(there, true)
	f.unchanged("the same", func() { f.configure(there, false) })
	const rows = "SELECT zone, since, offset_seconds FROM pbx_zone_offsets ORDER BY 2"
	whole := f.rows(rows)
	if len(whole) < 50 {
		f.t.Errorf("%d offsets of a zone with summer time", len(whole))
	}
	f.drain()
	for _, byHand := range []string{
		"DELETE FROM pbx_zone_offsets WHERE since > 1700000000", "UPDATE pbx_zone_offsets SET offset_seconds = 7 WHERE since = 0",
		"DELETE FROM pbx_zone_offsets", "INSERT INTO pbx_zone_offsets (zone, since, offset_seconds) VALUES ('Mars/Phobos', 0, 1)",
	} {
		f.byHand(byHand)
		f.wokenBy(byHand, pbx.Key{Kind: pbx.KindPhoneSystem})
		f.configure(there, true)
		equal(f.t, byHand, f.rows(rows), whole)
	}
	f.insert(call{"calldate": "2095-07-01 12:00:00"})
	ahead := time.Now().AddDate(3, 0, 0).In(f.zone("Europe/Berlin"))
	_, seconds := ahead.Zone()
	local := time.Date(2095, 7, 1, 12, 0, seconds, 0, time.UTC)
	equal(f.t, "beyond", f.value("SELECT day FROM calls_by_day"), local.Format(time.DateOnly))
	equal(f.t, "the last offset", f.value("SELECT offset_seconds FROM pbx_zone_offsets ORDER BY since DESC LIMIT 1"), fmt.Sprint(seconds))
}

// testZoneKept: without a zone the store keeps its own; one that nobody knows, which only somebody else can have written, is
// counted as UTC.
func testZoneKept(f *fixture) {
	f.zone("Asia/Kolkata")
	f.insert(call{"calldate": "2026-03-01 20:00:00"})
	unknown := system
	unknown.TimeZone = ""
	f.unchanged("no zone", func() { f.configure(unknown, false) })
	unknown.MainNumber = "+49301"
	f.configure(unknown, true)
	equal(f.t, "the zone before", f.value("SELECT day FROM calls_by_day"), "2026-03-02")
	f.byHand("UPDATE pbx_system SET time_zone = 'Mars/Phobos'")
	f.configure(unknown, true)
	equal(f.t, "no zone", f.value("SELECT day FROM calls_by_day"), "2026-03-01")
}
