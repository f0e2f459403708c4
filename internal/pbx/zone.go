package pbx

import (
	"slices"
	"time"
)

// Offset says by how many seconds the clocks of a zone are ahead of UTC, from an instant on, in seconds since 1970.
type Offset struct{ Since, Seconds int64 }

// zonesFrom is when the history of a zone begins. Calls from before are counted with the first offset.
var zonesFrom = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// zoneYears is for how many years ahead the offsets of a zone are told.
const zoneYears = 3

// Offsets lists the offsets of a zone in their order, up to some years after now. The first one is from 1970 on.
func Offsets(zone *time.Location, now time.Time) []Offset {
	var offsets []Offset
	since, at, horizon := int64(0), zonesFrom.In(zone), now.AddDate(zoneYears, 0, 0)
	for {
		_, seconds := at.Zone()
		offsets = append(offsets, Offset{Since: since, Seconds: int64(seconds)})
		_, end := at.ZoneBounds()
		if end.IsZero() || end.After(horizon) {
			break
		}
		since, at = end.Unix(), end
	}
	// Also another name for the same offset bounds a zone.
	return slices.CompactFunc(offsets, func(a, b Offset) bool { return a.Seconds == b.Seconds })
}
