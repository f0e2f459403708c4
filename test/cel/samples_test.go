package cel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/pbx-operator/pbx-operator/test/kube"
)

const samplesDir = "config/samples"

// TestSamplesApply applies the samples of single kinds.
func TestSamplesApply(t *testing.T) {
	namespace := kube.Namespace(t)
	for range 2 {
		out, err := kube.Kubectl(t, "apply", "--validate=strict", "--server-side", "-n", namespace, "-f", samplesDir)
		if err != nil || strings.Contains(out, "Warning") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// commentedOut are fields that would do harm in a sample that somebody applies as it is.
var commentedOut = map[string]bool{"PhoneSystem spec.store.takeover": true}

// TestSamplesShowEveryField: the samples of single kinds have every field of
// every spec, each with a comment of its own.
func TestSamplesShowEveryField(t *testing.T) {
	shown, uncommented := map[string]bool{}, map[string]bool{}
	for _, document := range sampleDocuments(t) {
		kind := field(document, "kind")
		if spec := field(document, "spec"); kind != nil && spec != nil {
			everyKey(spec, kind.Value+" spec", func(path string, key *yamlv3.Node) {
				shown[path] = true
				if key.HeadComment == "" && key.LineComment == "" {
					uncommented[path] = true
				}
			})
		}
	}
	for _, kind := range kinds {
		for _, path := range everyField(specOf(t, kind), kind+" spec") {
			isField := path != kind+" spec" && !strings.HasSuffix(path, "[]")
			if isField && !shown[path] && !commentedOut[path] {
				t.Errorf("%s is in none of the samples in %s", path, samplesDir)
			}
		}
	}
	for path := range uncommented {
		t.Errorf("%s has no comment in %s", path, samplesDir)
	}
}

func sampleDocuments(t *testing.T) []*yamlv3.Node {
	t.Helper()
	files, err := filepath.Glob("../../" + samplesDir + "/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	var documents []*yamlv3.Node
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			node := &yamlv3.Node{}
			if err := yamlv3.Unmarshal([]byte(document), node); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			documents = append(documents, node.Content[0])
		}
	}
	return documents
}

// field finds the value of a key.
func field(object *yamlv3.Node, name string) *yamlv3.Node {
	for i := 0; i+1 < len(object.Content); i += 2 {
		if object.Content[i].Value == name {
			return object.Content[i+1]
		}
	}
	return nil
}

// everyKey visits the keys of an object and of all that is in it. The first key
// of an item has the comment that stands above the item.
func everyKey(node *yamlv3.Node, path string, visit func(path string, key *yamlv3.Node)) {
	switch node.Kind {
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if i == 0 && key.HeadComment == "" {
				key.HeadComment = node.HeadComment
			}
			visit(path+"."+key.Value, key)
			everyKey(node.Content[i+1], path+"."+key.Value, visit)
		}
	case yamlv3.SequenceNode:
		for _, item := range node.Content {
			everyKey(item, path+"[]", visit)
		}
	}
}
