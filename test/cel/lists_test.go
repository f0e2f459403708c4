package cel

import (
	"fmt"
	"strings"
)

// list joins n items for YAML.
func list(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return strings.Join(items, ", ")
}

// numbered is a list of n different strings.
func numbered(prefix string, n int) string {
	return list(n, func(i int) string { return fmt.Sprintf("%q", fmt.Sprintf("%s%02d", prefix, i)) })
}

func networks(n int) string {
	return list(n, func(i int) string { return fmt.Sprintf("10.%d.0.0/16", i) })
}

func keys(n int) string {
	return list(n, func(i int) string { return fmt.Sprintf("{index: %d, type: Line}", i+1) })
}
