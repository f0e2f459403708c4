package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pbxv1 "github.com/pbx-operator/pbx-operator/api/v1alpha1"
)

func finds(names ...string) referrer {
	return func(context.Context, client.Client, *pbxv1.User) ([]string, error) { return names, nil }
}

func TestWhatRefersToAUser(t *testing.T) {
	var many []string
	for i := range 12 {
		many = append(many, fmt.Sprintf("CallRule/%02d", i))
	}
	for name, tt := range map[string]struct {
		referrers []referrer
		want      []string
		count     int32
	}{
		"nothing can":        {nil, nil, 0},
		"nothing does":       {[]referrer{finds(), finds()}, nil, 0},
		"of two kinds":       {[]referrer{finds("CallRule/sales"), finds("BulkAction/x")}, []string{"BulkAction/x", "CallRule/sales"}, 2},
		"more than is shown": {[]referrer{finds(many...)}, many[:10], 12},
	} {
		t.Run(name, func(t *testing.T) {
			user := &pbxv1.User{Status: pbxv1.UserStatus{ReferencedBy: []string{"old"}, ReferencedByCount: 1}}
			if err := (users{referrers: tt.referrers}).fromCache(t.Context(), user); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, user.Status.ReferencedBy); diff != "" || user.Status.ReferencedByCount != tt.count {
				t.Errorf("%d, (-want +got):\n%s", user.Status.ReferencedByCount, diff)
			}
		})
	}
}

func TestAReferrerThatFailsIsNoAnswer(t *testing.T) {
	broken := errors.New("broken")
	fails := func(context.Context, client.Client, *pbxv1.User) ([]string, error) { return nil, broken }
	user := &pbxv1.User{Status: pbxv1.UserStatus{ReferencedByCount: 1}}
	err := (users{referrers: []referrer{fails}}).fromCache(t.Context(), user)
	if !errors.Is(err, broken) || user.Status.ReferencedByCount != 1 {
		t.Errorf("error = %v, count = %d, want the referrer's error and the old count", err, user.Status.ReferencedByCount)
	}
}
