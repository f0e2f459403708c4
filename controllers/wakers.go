package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/pbx-operator/pbx-operator/internal/pbx"
)

// queue is the work queue of a controller.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// wakers has objects looked at for a reason that is not a change of an object: something happened in a store.
type wakers struct {
	mu     sync.Mutex
	queues map[pbx.Kind]queue
}

func newWakers() *wakers { return &wakers{queues: map[pbx.Kind]queue{}} }

// source gives a controller's queue to the wakers when the controller starts.
func (w *wakers) source(kind pbx.Kind) source.Source {
	return source.Func(func(_ context.Context, q queue) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.queues[kind] = q
		return nil
	})
}

// dataOf says whose status shows what engines write beside the records.
var dataOf = map[pbx.Kind]pbx.Kind{pbx.KindRegistration: pbx.KindPhoneService, pbx.KindMailbox: pbx.KindExtension}

// dataPause is how long such an object waits to be looked at: a phone that registers again and again costs one write of its
// status in that time.
const dataPause = time.Second

// wakeLater has one object looked at after a pause, once for all calls within it.
func (w *wakers) wakeLater(kind pbx.Kind, key types.NamespacedName, pause time.Duration) {
	w.mu.Lock()
	q := w.queues[kind]
	w.mu.Unlock()
	if q != nil {
		q.AddAfter(reconcile.Request{NamespacedName: key}, pause)
	}
}

// wake has one object looked at. A controller that has not started looks at every object when it does.
func (w *wakers) wake(kind pbx.Kind, key types.NamespacedName) {
	w.mu.Lock()
	q := w.queues[kind]
	w.mu.Unlock()
	if q != nil {
		q.Add(reconcile.Request{NamespacedName: key})
	}
}
