package tidemill

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// documentation is built as pkg.go.dev does it.
func documentation(t *testing.T) *doc.Package {
	t.Helper()
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file)
	}
	found, err := doc.NewFromFiles(files, all, "github.com/tidemill/tidemill/clients/go")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEverythingThatUsersSeeIsExplained(t *testing.T) {
	found := documentation(t)
	explained := func(name, text string) {
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s has no comment", name)
		}
	}
	explained("package", found.Doc)
	values := func(all []*doc.Value) {
		for _, value := range all {
			for _, spec := range value.Decl.Specs {
				spec := spec.(*ast.ValueSpec)
				explained(spec.Names[0].Name, value.Doc+spec.Doc.Text())
			}
		}
	}
	functions := func(of string, all []*doc.Func) {
		for _, function := range all {
			explained(of+function.Name, function.Doc)
		}
	}
	values(found.Consts)
	values(found.Vars)
	functions("", found.Funcs)
	for _, kind := range found.Types {
		explained(kind.Name, kind.Doc)
		values(kind.Consts)
		values(kind.Vars)
		functions("", kind.Funcs)
		functions(kind.Name+".", kind.Methods)
		fields(kind, explained)
	}
	if len(found.Types) < 20 {
		t.Errorf("only %d types were looked at", len(found.Types))
	}
}

// TestEveryOptionIsInTheReadme: what is not there is not found.
func TestEveryOptionIsInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	options := 0
	for _, kind := range documentation(t).Types {
		if !strings.HasSuffix(kind.Name, "Option") {
			continue
		}
		for _, option := range kind.Funcs {
			options++
			if !strings.Contains(string(readme), "`"+option.Name+"`") {
				t.Errorf("%s is not there", option.Name)
			}
		}
	}
	if options < 20 {
		t.Errorf("only %d options were looked at", options)
	}
}

func fields(kind *doc.Type, explained func(name, text string)) {
	structure, ok := kind.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range structure.Fields.List {
		if len(field.Names) > 0 && field.Names[0].IsExported() {
			explained(kind.Name+"."+field.Names[0].Name, field.Doc.Text())
		}
	}
}
