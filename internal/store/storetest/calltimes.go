package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// testCallTimes: what engines write for a time means the same in both databases.
func testCallTimes(f *fixture) {
	const day, noTime = "2026-11-28", ""
	for written, want := range map[any]string{
		day + " 10:00:00":            day + " 10:00:00",
		day + "T10:00:00":            day + " 10:00:00",
		day + " 10:00":               day + " 10:00:00",
		day:                          day + " 00:00:00",
		" " + day + " 10:00:00 ":     day + " 10:00:00",
		day + " 10:00:00.999999":     day + " 10:00:00",
		day + "T10:00:00Z":           day + " 10:00:00",
		day + "T10:00:00.9999999Z":   day + " 10:00:00",
		day + " 10:00:00+01:00":      day + " 09:00:00",
		day + "T10:00+01:00":         day + " 09:00:00",
		day + " 10:00:00.5+01":       day + " 09:00:00",
		day + " 10:00:00+0530":       day + " 04:30:00",
		day + " 10:00:00-03:30":      day + " 13:30:00",
		day + " 10:00:00.5 -0330":    day + " 13:30:00",
		day + " 00:30:00+01:00":      "2026-11-27 23:30:00",
		"2028-02-29 23:59:59-12:00":  "2028-03-01 11:59:59",
		int64(1795860000):            day + " 10:00:00",
		1795860000.75:                day + " 10:00:00",
		"1795860000":                 day + " 10:00:00",
		2461372.5:                    day + " 00:00:00",
		"2461372.91666666":           day + " 10:00:00",
		2461372.5 - 0.5/86400:        day + " 00:00:00",
		nil:                          noTime,
		"":                           noTime,
		"nonsense":                   noTime,
		"now":                        noTime,
		"tomorrow":                   noTime,
		"infinity":                   noTime,
		"10:00:00":                   noTime,
		"28.11.2026 10:00:00":        noTime,
		"11/28/2026 10:00:00":        noTime,
		"2026-02-30 10:00:00":        noTime,
		"2026-13-01 10:00:00":        noTime,
		"0000-00-00 00:00:00":        noTime,
		day + " 24:00:00":            noTime,
		day + " 10:60:00":            noTime,
		day + " 10:00:60":            noTime,
		day + " 10:00:00+99:00":      noTime,
		day + " 10:00:00 nowhere":    noTime,
		day + "x10:00:00":            noTime,
		"1969-12-31 23:59:59":        noTime,
		"20261128100000":             noTime,
		"1.2.3":                      noTime,
		".":                          noTime,
		int64(5):                     noTime,
		"99999999999999999999999999": noTime,
	} {
		f.meansTime(fmt.Sprintf("%T %[1]v", written), want, func(id string) { f.insert(call{"calldate": f.written(written), "uniqueid": id}) })
		if text, isText := written.(string); isText {
			f.meansTime("acc_cdrs: "+text, want, func(id string) {
				f.byHand("INSERT INTO acc_cdrs (start_time, end_time, uniqueid) VALUES ($1, $1, $2)", text, id)
			})
		}
	}
	f.meansTime("left out", noTime, func(id string) { f.insert(call{"uniqueid": id}) })
	equal(f.t, "portals read", f.value("SELECT count(*) FROM call_history h WHERE CAST(h.calldate AS TEXT) NOT IN (SELECT calldate FROM cdr)"), "0")
	if f.postgres() {
		f.t.Run("Sessions", func(t *testing.T) { testCallTimesOfSessions(f.in(t)) })
	}
}

// written gives a number as a text where the driver insists on it; a literal would be taken as it is.
func (f *fixture) written(value any) any {
	if _, isText := value.(string); isText || value == nil || !f.postgres() {
		return value
	}
	if number, isFloat := value.(float64); isFloat {
		return fmt.Sprintf("%.8f", number)
	}
	return fmt.Sprint(value)
}

// meansTime sees which time a new record has; an empty one is now.
func (f *fixture) meansTime(what, want string, insert func(id string)) {
	f.t.Helper()
	id := fmt.Sprint("time-", calls.Add(1))
	insert(id)
	got := f.value("SELECT calldate FROM cdr WHERE uniqueid = $1", id)
	if want == "" && got >= ago(time.Minute) && got <= ago(-time.Second) {
		return
	}
	equal(f.t, what, got, want)
}

// testCallTimesOfSessions: it does not matter which zone and style an engine's connection has.
func testCallTimesOfSessions(f *fixture) {
	conn, err := f.sql.Conn(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	act := func(statement string) {
		f.t.Helper()
		if _, err := conn.ExecContext(context.WithoutCancel(f.t.Context()), statement); err != nil {
			f.t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"} {
		for _, style := range []string{"ISO, MDY", "ISO, DMY", "German", "SQL, DMY", "SQL, MDY", "Postgres, DMY"} {
			act("SET timezone = '" + zone + "'")
			act("SET datestyle = '" + style + "'")
			for value, want := range map[string]string{
				"'2026-11-12 10:00:00'":                           "2026-11-12 10:00:00",
				"'2026-11-12 10:00:00+01:00'":                     "2026-11-12 09:00:00",
				"'2026-11-12T10:00:00Z'":                          "2026-11-12 10:00:00",
				"TIMESTAMP '2026-11-12 10:00:00'":                 "2026-11-12 10:00:00",
				"TIMESTAMPTZ '2026-11-12 10:00:00+01:00'":         "2026-11-12 09:00:00",
				"CAST('2026-11-12 10:00:00.5-05' AS TIMESTAMPTZ)": "2026-11-12 15:00:00",
				"1794477600":               "2026-11-12 10:00:00",
				"to_timestamp(1794477600)": "2026-11-12 10:00:00",
				"to_timestamp(1794477600) AT TIME ZONE 'UTC'":        "2026-11-12 10:00:00",
				"date_trunc('day', TIMESTAMP '2026-11-12 10:00:00')": "2026-11-12 00:00:00",
			} {
				f.meansTime(zone+", "+style+": "+value, want, func(id string) {
					act("INSERT INTO cdr (calldate, uniqueid) VALUES (" + value + ", '" + id + "')")
				})
				f.meansTime(zone+", "+style+", acc_cdrs: "+value, want, func(id string) {
					act("INSERT INTO acc_cdrs (start_time, uniqueid) VALUES (" + value + ", '" + id + "')")
				})
			}
		}
	}
}
