package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// kinds are what has to become Ready.
const kinds = "phonesystems.pbx-operator.io,users.pbx-operator.io,extensions.pbx-operator.io,phoneservices.pbx-operator.io"

// object is what we read of each of them.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name       string `json:"name"`
		Generation int64  `json:"generation"`
	} `json:"metadata"`
	Spec struct {
		State    string     `json:"state"`
		Services []struct{} `json:"services"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64       `json:"observedGeneration"`
		Conditions         []condition `json:"conditions"`
	} `json:"status"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// why is empty for an object that is Ready, else it says what it waits for.
func (o object) why() string {
	name := o.Kind + "/" + o.Metadata.Name
	i := slices.IndexFunc(o.Status.Conditions, func(c condition) bool { return c.Type == "Ready" })
	switch {
	case i < 0 || o.Status.ObservedGeneration < o.Metadata.Generation:
		return name + ": not reconciled yet"
	case o.Status.Conditions[i].Status == "True":
		return ""
	}
	return fmt.Sprintf("%s: %s: %s", name, o.Status.Conditions[i].Reason, o.Status.Conditions[i].Message)
}

func listObjects(ctx context.Context, tool kubectl) ([]object, error) {
	out, err := tool.run(ctx, "get", kinds, "-n", namespace, "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []object `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("read the objects in namespace %s: %w", namespace, err)
	}
	return list.Items, nil
}

func reasons(objects []object) []string {
	var all []string
	for _, o := range objects {
		if why := o.why(); why != "" {
			all = append(all, why)
		}
	}
	return all
}

// awaitReady returns when all objects are Ready, or what is not when for some
// time none has become so.
func awaitReady(ctx context.Context, tool kubectl, patience time.Duration) ([]object, []string, error) {
	var ready, total atomic.Int64
	progress := newProgress(5*time.Second, func(elapsed time.Duration) string {
		return fmt.Sprintf("Ready: %d of %d objects (%s)", ready.Load(), total.Load(), elapsed)
	})
	best, over := 0, time.NewTimer(patience)
	defer over.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		objects, err := listObjects(ctx, tool)
		if err != nil {
			progress.stop("")
			return nil, nil, err
		}
		missing := reasons(objects)
		total.Store(int64(len(objects)))
		ready.Store(int64(len(objects) - len(missing)))
		if len(objects) > 0 && len(missing) == 0 {
			progress.stop(fmt.Sprintf("Ready: all %d objects, after %s", len(objects), progress.elapsed()))
			return objects, nil, nil
		}
		if now := len(objects) - len(missing); now > best {
			best = now
			over.Reset(patience)
		}
		select {
		case <-tick.C:
		case <-over.C:
			progress.stop("")
			return objects, missing, nil
		case <-ctx.Done():
			progress.stop("")
			return nil, nil, ctx.Err()
		}
	}
}

// few shortens a list for the screen.
func few(lines []string, n int) string {
	if len(lines) > n {
		lines = append(slices.Clone(lines[:n]), fmt.Sprintf("... and %d more", len(lines)-n))
	}
	return "  " + strings.Join(lines, "\n  ")
}
