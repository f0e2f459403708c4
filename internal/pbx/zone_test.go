package pbx

import (
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"pgregory.net/rapid"
)

// zones have summer time by an hour, by half an hour, in the south, none, and a day that was left out.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Africa/Casablanca",
}

var someDay = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// TestOffsets: what is listed is what Go's clocks show, from 2000 to three years ahead, and each offset differs from the
// one before.
func TestOffsets(t *testing.T) {
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		offsets := Offsets(zone, someDay)
		for i, o := range offsets {
			if i > 0 && (o.Since <= offsets[i-1].Since || o.Seconds == offsets[i-1].Seconds) {
				t.Errorf("%s: %v after %v", name, o, offsets[i-1])
			}
		}
		rapid.Check(t, func(t *rapid.T) {
			at := rapid.Int64Range(zonesFrom.Unix(), someDay.AddDate(zoneYears, 0, 0).Unix()).Draw(t, "at")
			if i := rapid.IntRange(-1, len(offsets)-1).Draw(t, "near"); i > 0 {
				at = offsets[i].Since + rapid.Int64Range(-7200, 7200).Draw(t, "seconds")
			}
			if _, want := time.Unix(at, 0).In(zone).Zone(); at <= someDay.AddDate(zoneYears, 0, 0).Unix() && offsetAt(offsets, at) != int64(want) {
				t.Errorf("%s at %d: offset %d, want %d", name, at, offsetAt(offsets, at), want)
			}
		})
	}
}

func offsetAt(offsets []Offset, at int64) (seconds int64) {
	for _, o := range offsets {
		if o.Since <= at {
			seconds = o.Seconds
		}
	}
	return seconds
}

// TestOffsetsOnlyGain: a day later the list has at most more at its end, so that a store is not written to every day.
func TestOffsetsOnlyGain(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	before, gains := Offsets(zone, someDay), 0
	for day := range 365 {
		after := Offsets(zone, someDay.AddDate(0, 0, day+1))
		for i := range before {
			if after[i] != before[i] {
				t.Fatalf("offset %d was %v and is %v", i, before[i], after[i])
			}
		}
		if len(after) > len(before) {
			gains++
		}
		before = after
	}
	if gains != 2 {
		t.Errorf("the list of a zone with summer time was longer on %d days of a year, want 2", gains)
	}
}
