package cel

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	celgo "github.com/google/cel-go/cel"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	crdcel "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/util/yaml"
	policycel "k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// oldest is what CEL can in the oldest Kubernetes that is supported, 1.30: of new objects its API server takes only what
// the version before knew, so that it can be rolled back to that.
func oldest() *environment.EnvSet { return environment.MustBaseEnvSet(version.MajorMinor(1, 29)) }

// TestOldestKubernetes compiles every expression of the CRDs and of the policies.
func TestOldestKubernetes(t *testing.T) {
	crds, policies := 0, 0
	eachDocument(t, "../../config", func(path, kind string, document []byte) {
		switch kind {
		case "CustomResourceDefinition":
			crds++
			var crd apiextensionsv1.CustomResourceDefinition
			decode(t, path, document, &crd)
			for _, err := range compileCRD(t, oldest(), crd) {
				t.Errorf("%s: %v", path, err)
			}
		case "ValidatingAdmissionPolicy":
			policies++
			var policy admissionv1.ValidatingAdmissionPolicy
			decode(t, path, document, &policy)
			for _, err := range compilePolicy(t, oldest(), policy.Spec) {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
	if crds != len(kinds) || policies < 10 {
		t.Errorf("%d CRDs and %d policies were found", crds, policies)
	}
}

// newer are expressions that an API server of 1.30 refuses in a new object.
var newer = map[string]string{
	"1.30": "isCIDR('10.0.0.0/8')", "1.30 as well": "ip('10.0.0.1').family() == 4",
	"1.31": "!format.dns1123Label().validate('a').hasValue()", "1.32": "[1].all(i, v, v == 1)",
	"1.33": "isSemver('1.0.0')", "1.34": "[2, 1].sort() == [1, 2]",
}

// TestNewerFunctionsAreNoticed proves that the one above can fail, wherever an expression may be.
func TestNewerFunctionsAreNoticed(t *testing.T) {
	for name, rule := range newer {
		t.Run(name, func(t *testing.T) {
			text := "string(" + rule + ")"
			for where, spec := range map[string]admissionv1.ValidatingAdmissionPolicySpec{
				"expression":        {Validations: []admissionv1.Validation{{Expression: rule}}},
				"messageExpression": {Validations: []admissionv1.Validation{{Expression: "true", MessageExpression: text}}},
				"matchCondition":    {MatchConditions: []admissionv1.MatchCondition{{Name: "m", Expression: rule}}},
				"variable":          {Variables: []admissionv1.Variable{{Name: "v", Expression: rule}}},
				"auditAnnotation":   {AuditAnnotations: []admissionv1.AuditAnnotation{{Key: "k", ValueExpression: text}}},
			} {
				if errs := compilePolicy(t, oldest(), spec); len(errs) != 1 {
					t.Errorf("%s of a policy: errors %v, want one", where, errs)
				}
				newest := environment.MustBaseEnvSet(version.MajorMinor(1, 36))
				if errs := compilePolicy(t, newest, spec); len(errs) != 0 {
					t.Errorf("%s of a policy, newest: errors %v", where, errs)
				}
			}
			if errs := compileCRD(t, oldest(), crdWith(rule)); len(errs) != 1 {
				t.Errorf("rule of a CRD: errors %v, want one", errs)
			}
		})
	}
}

func crdWith(rule string) (crd apiextensionsv1.CustomResourceDefinition) {
	text := apiextensionsv1.JSONSchemaProps{
		Type: "string", XValidations: apiextensionsv1.ValidationRules{{Rule: rule}},
	}
	list := apiextensionsv1.JSONSchemaProps{Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &text}}
	root := apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": list}}
	crd.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{
		{Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &root}},
	}
	return crd
}

func compileCRD(t *testing.T, env *environment.EnvSet, crd apiextensionsv1.CustomResourceDefinition) (errs []error) {
	t.Helper()
	for _, served := range crd.Spec.Versions {
		var props apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
			served.Schema.OpenAPIV3Schema, &props, nil); err != nil {
			t.Fatal(err)
		}
		root, err := structural.NewStructural(&props)
		if err != nil {
			t.Fatal(err)
		}
		errs = append(errs, compileSchema(env, root, true)...)
	}
	return errs
}

func compileSchema(env *environment.EnvSet, s *structural.Structural, root bool) (errs []error) {
	results, err := crdcel.Compile(s, model.SchemaDeclType(s, root), celconfig.PerCallLimit, env, crdcel.NewExpressionsEnvLoader())
	if err != nil {
		return []error{err}
	}
	for _, result := range results {
		if result.Error != nil {
			errs = append(errs, result.Error)
		}
		if result.MessageExpressionError != nil {
			errs = append(errs, result.MessageExpressionError)
		}
	}
	for _, child := range s.Properties {
		errs = append(errs, compileSchema(env, &child, false)...)
	}
	if s.Items != nil {
		errs = append(errs, compileSchema(env, s.Items, false)...)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		errs = append(errs, compileSchema(env, s.AdditionalProperties.Structural, false)...)
	}
	return errs
}

// expression is one of a policy, and what it has to give.
type expression struct {
	name, text string
	gives      *celgo.Type
}

func (e expression) GetName() string            { return e.name }
func (e expression) GetExpression() string      { return e.text }
func (e expression) ReturnTypes() []*celgo.Type { return []*celgo.Type{e.gives} }

func compilePolicy(t *testing.T, env *environment.EnvSet, spec admissionv1.ValidatingAdmissionPolicySpec) (errs []error) {
	t.Helper()
	compiler, err := policycel.NewCompositedCompiler(env)
	if err != nil {
		t.Fatal(err)
	}
	may := policycel.OptionalVariableDeclarations{HasParams: spec.ParamKind != nil, HasAuthorizer: true}
	compile := func(e expression, result policycel.CompilationResult) {
		if result.Error != nil {
			errs = append(errs, errors.New(e.text+": "+result.Error.Error()))
		}
	}
	for _, v := range spec.Variables {
		e := expression{v.Name, v.Expression, celgo.AnyType}
		compile(e, compiler.CompileAndStoreVariable(e, may, environment.NewExpressions))
	}
	for _, e := range expressionsOf(spec) {
		compile(e, compiler.CompileCELExpression(e, may, environment.NewExpressions))
	}
	return errs
}

func expressionsOf(spec admissionv1.ValidatingAdmissionPolicySpec) (all []expression) {
	for _, m := range spec.MatchConditions {
		all = append(all, expression{m.Name, m.Expression, celgo.BoolType})
	}
	for _, a := range spec.AuditAnnotations {
		all = append(all, expression{a.Key, a.ValueExpression, celgo.StringType})
	}
	for _, v := range spec.Validations {
		all = append(all, expression{"validation", v.Expression, celgo.BoolType})
		if v.MessageExpression != "" {
			all = append(all, expression{"message", v.MessageExpression, celgo.StringType})
		}
	}
	return all
}

// eachDocument visits every YAML document below a directory.
func eachDocument(t *testing.T, root string, visit func(path, kind string, document []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, document := range bytes.Split(content, []byte("\n---\n")) {
			var is struct{ Kind string }
			if err := yaml.Unmarshal(document, &is); err != nil {
				return err
			}
			visit(path, is.Kind, document)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, path string, document []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
