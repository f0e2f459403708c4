package controllers

import (
	"fmt"
	"hash/fnv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
)

// maxNote bounds the note of an event; the API server refuses a longer one.
const maxNote = 1024

// distinctEvents tells events apart by what they say. Two events of one object that differ in nothing but the note would
// be counted as one, and only the first note be kept: the second drift of a record would be told as the first one.
type distinctEvents struct{ events.EventRecorder }

// Eventf implements events.EventRecorder.
func (d distinctEvents) Eventf(regarding, related runtime.Object, eventType, reason, action, note string, args ...any) {
	text := fmt.Sprintf(note, args...)
	if len(text) > maxNote {
		text = strings.ToValidUTF8(text[:maxNote-3], "") + "..."
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(text)) // a hash never fails
	d.EventRecorder.Eventf(regarding, related, eventType, reason, fmt.Sprintf("%s-%08x", action, sum.Sum32()), "%s", text)
}
