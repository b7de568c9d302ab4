package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The house: which package may import which. Do not change this data to make a build pass. A new package gets its row on
// purpose, together with the line that describes it in the README.

const (
	houseModule = "musafir"
	houseRoot   = "../.." // from cmd/musafir, where go test runs this file
)

// A houseRow is a level of the house. Imports point from a row to a later one; the rows are numbered in that order.
type houseRow int

const (
	rowWiring houseRow = iota // may import anything of ours
	rowTests                  // may import anything of ours; only wiring and tests may import it
	rowEdges
	rowPure
	rowData
)

func (r houseRow) String() string {
	return [...]string{"wiring", "tests", "edges", "pure", "data"}[r]
}

var houseRows = map[string]houseRow{
	"cmd/musafir": rowWiring,

	"node":           rowEdges,
	"node/transport": rowEdges,
	"discovery":      rowEdges,
	"store":          rowEdges,
	"node/api":       rowEdges,
	"node/console":   rowEdges,
	"node/hikma":     rowEdges,
	"node/patient":   rowEdges,
	"node/doctor":    rowEdges,

	"node/replica":  rowPure,
	"node/clinic":   rowPure,
	"node/bundle":   rowPure,
	"node/exchange": rowPure,
	"node/wire":     rowPure,
	"node/access":   rowPure,

	"crdt": rowData,

	"node/sim":            rowTests,
	"node/clinic/apptest": rowTests,
	"store/storetest":     rowTests,
	"discovery/lantest":   rowTests,
}

// houseArrows are the imports allowed inside one row.
var houseArrows = map[string][]string{
	"node/replica": {"node/wire", "node/access"},
	"node/bundle":  {"node/wire", "node/access"},
	"node/api":     {"node/patient"},
	"node/hikma":   {"node/patient"},
}

// houseSole says, for a library, the one package that may import it.
var houseSole = map[string]string{
	"github.com/libp2p":           "node/transport",
	"github.com/hashicorp/mdns":   "discovery",
	"github.com/dgraph-io/badger": "store",
}

// houseTop is what may stand at the top of the repository, beside dot-files; the
// built program is there where somebody followed the README, and is not kept.
var houseTop = []string{"cmd", "node", "crdt", "store", "discovery", "go.mod", "go.sum", "README.md", "LICENSE", "musafir", "musafir.exe"}

// impureImports are refused in pure and data packages, with all below them, except those in pureImports.
var impureImports = []string{
	"os", "net", "syscall", "golang.org/x/sys", "io/ioutil", // input and output
	"math/rand", "crypto/rand", "hash/maphash", // randomness
	"log",
}

var pureImports = []string{"net/netip", "net/url"}

// impureNames are refused in pure and data packages although the package around them is allowed.
var impureNames = map[string][]string{
	"time":    {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"},
	"context": {"WithTimeout", "WithTimeoutCause", "WithDeadline", "WithDeadlineCause"},
	"fmt":     {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

func TestHouse(t *testing.T) {
	fset := token.NewFileSet()
	packages, err := readHouse(fset, houseRoot)
	if err != nil {
		t.Fatalf("read the house: %v", err)
	}
	if len(packages) == 0 {
		t.Fatal("found no package at all; the test looks in the wrong place")
	}
	for _, p := range packages {
		for _, c := range checkPackage(fset, p) {
			t.Error(c)
		}
	}
}

func TestHouseTop(t *testing.T) {
	entries, err := os.ReadDir(houseRoot)
	if err != nil {
		t.Fatalf("read the top of the repository: %v", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Contains(names, "go.mod") {
		t.Fatal("no go.mod; the test looks in the wrong place")
	}
	for _, c := range checkTop(names) {
		t.Error(c)
	}
}

// A housePackage is one folder with Go files that are not tests, for whatever platform.
type housePackage struct {
	path  string // below the module, with slashes: "node/wire"
	files map[string]*ast.File
	built bool // at least one file is built on the platform that runs the test
}

// readHouse parses every Go file below root that is not a test, sorted by folder.
func readHouse(fset *token.FileSet, root string) ([]housePackage, error) {
	byPath := map[string]*housePackage{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if file != root && (name == "testdata" || name[0] == '.' || name[0] == '_') {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		built, err := build.Default.MatchFile(filepath.Dir(file), name)
		if err != nil {
			return err
		}
		p := byPath[dir]
		if p == nil {
			p = &housePackage{path: filepath.ToSlash(dir), files: map[string]*ast.File{}}
			byPath[dir] = p
		}
		p.files[name] = parsed
		p.built = p.built || built
		return nil
	})
	if err != nil {
		return nil, err
	}
	var packages []housePackage
	for _, p := range byPath {
		packages = append(packages, *p)
	}
	slices.SortFunc(packages, func(a, b housePackage) int { return strings.Compare(a.path, b.path) })
	return packages, nil
}

// checkPackage returns one complaint for each way in which p breaks a rule of the house.
func checkPackage(fset *token.FileSet, p housePackage) []string {
	row, known := houseRows[p.path]
	if !known {
		return []string{fmt.Sprintf("package %s is not in the table of the house; give it a row in houseRows, on purpose", p.path)}
	}
	complaints := checkDoc(p)
	for _, file := range p.files {
		for _, spec := range file.Imports {
			if c := checkImport(p.path, importPath(spec)); c != "" {
				complaints = append(complaints, fmt.Sprintf("%s: %s", fset.Position(spec.Pos()), c))
			}
		}
		if row == rowPure || row == rowData {
			complaints = append(complaints, checkPure(fset, file)...)
		}
	}
	slices.Sort(complaints)
	return complaints
}

// checkDoc wants a doc.go with a package comment. A folder of which nothing is built here, such as one that so far holds
// only a guard for another platform, is no package yet.
func checkDoc(p housePackage) []string {
	if !p.built {
		return nil
	}
	doc := p.files["doc.go"]
	if doc == nil {
		return []string{fmt.Sprintf("package %s has no doc.go", p.path)}
	}
	if doc.Doc == nil || strings.TrimSpace(doc.Doc.Text()) == "" {
		return []string{fmt.Sprintf("doc.go of package %s has no package comment", p.path)}
	}
	return nil
}

// checkImport returns what is wrong with from importing imported, or "" if it may. From is below the module and known.
func checkImport(from, imported string) string {
	for library, sole := range houseSole {
		if isBelow(imported, library) && from != sole {
			return fmt.Sprintf("%s imports %s; only %s may", from, imported, sole)
		}
	}
	to, ours := strings.CutPrefix(imported, houseModule+"/")
	if !ours {
		return ""
	}
	fromRow := houseRows[from]
	toRow, known := houseRows[to]
	switch {
	case !known:
		return fmt.Sprintf("%s imports %s, which is not in the table of the house", from, to)
	case fromRow == rowWiring || fromRow == rowTests:
		return ""
	case toRow > fromRow, slices.Contains(houseArrows[from], to):
		return ""
	case toRow == fromRow:
		return fmt.Sprintf("%s imports %s of its own row (%s), and no arrow allows it", from, to, fromRow)
	}
	return fmt.Sprintf("%s (%s) imports %s (%s); imports only point down", from, fromRow, to, toRow)
}

// checkPure returns what in file is input, output, clock, randomness, logging or a goroutine.
func checkPure(fset *token.FileSet, file *ast.File) []string {
	var complaints []string
	complain := func(at token.Pos, format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf("%s: a pure package "+format, append([]any{fset.Position(at)}, args...)...))
	}
	limited := map[string][]string{} // by the name that the file gives to the import
	for _, spec := range file.Imports {
		imported := importPath(spec)
		if isImpure(imported) {
			complain(spec.Pos(), "imports %s", imported)
		}
		names, ok := impureNames[imported]
		if !ok {
			continue
		}
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			complain(spec.Pos(), "imports %s with a dot, which hides what it uses", imported)
		}
		limited[local] = names
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			complain(n.Pos(), "starts a goroutine")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(limited[x.Name], n.Sel.Name) {
				complain(n.Pos(), "uses %s.%s", x.Name, n.Sel.Name)
			}
		}
		return true
	})
	return complaints
}

func checkTop(names []string) []string {
	var complaints []string
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(houseTop, name) {
			complaints = append(complaints, fmt.Sprintf("%s stands at the top of the repository, where only %s may (build programs elsewhere with -o)",
				name, strings.Join(houseTop, ", ")))
		}
	}
	return complaints
}

func isImpure(imported string) bool {
	return !slices.Contains(pureImports, imported) &&
		slices.ContainsFunc(impureImports, func(p string) bool { return isBelow(imported, p) })
}

func isBelow(imported, prefix string) bool {
	return imported == prefix || strings.HasPrefix(imported, prefix+"/")
}

func importPath(spec *ast.ImportSpec) string {
	imported, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser accepted it
	}
	return imported
}

// The tests below show that the checks above can fail.

func TestHouseTableIsWhole(t *testing.T) {
	for from, arrows := range houseArrows {
		for _, to := range arrows {
			fromRow, ok1 := houseRows[from]
			toRow, ok2 := houseRows[to]
			if !ok1 || !ok2 || fromRow != toRow {
				t.Errorf("arrow %s -> %s is not inside one row", from, to)
			}
		}
	}
	for library, sole := range houseSole {
		if _, ok := houseRows[sole]; !ok {
			t.Errorf("%s may only be imported by %s, which is not in the table", library, sole)
		}
	}
}

func TestCheckImport(t *testing.T) {
	for _, tt := range []struct {
		from, imported string
		want           string // part of the complaint, "" for none
	}{
		{"cmd/musafir", "musafir/node/api", ""},
		{"node", "musafir/node/replica", ""},
		{"node", "musafir/crdt", ""},
		{"node/wire", "musafir/crdt", ""},
		{"node/replica", "musafir/node/wire", ""},
		{"node/bundle", "musafir/node/access", ""},
		{"node/sim", "musafir/node/replica", ""},
		{"store/storetest", "musafir/store", ""},
		{"store", "github.com/dgraph-io/badger/v4", ""},
		{"node/transport", "github.com/libp2p/go-libp2p/core/host", ""},
		{"crdt", "github.com/fxamacker/cbor/v2", ""},

		{"node", "musafir/store", "of its own row"},
		{"store", "musafir/discovery", "of its own row"},
		{"node/wire", "musafir/node/replica", "of its own row"},
		{"node/clinic", "musafir/node/wire", "of its own row"},
		{"node/replica", "musafir/node/clinic", "of its own row"},
		{"crdt", "musafir/node/wire", "only point down"},
		{"node/replica", "musafir/store", "only point down"},
		{"node/api", "musafir/cmd/musafir", "only point down"},
		{"store", "musafir/store/storetest", "only point down"},
		{"node/replica", "musafir/node/sim", "only point down"},
		{"node/hikma", "musafir/node/clinic/apptest", "only point down"},
		{"node", "musafir/util", "not in the table"},
		{"node", "github.com/dgraph-io/badger/v4", "only store may"},
		{"cmd/musafir", "github.com/libp2p/go-libp2p", "only node/transport may"},
		{"node/transport", "github.com/hashicorp/mdns", "only discovery may"},
	} {
		got := checkImport(tt.from, tt.imported)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("checkImport(%q, %q) = %q, want %q", tt.from, tt.imported, got, tt.want)
		}
	}
}

func TestCheckPackage(t *testing.T) {
	for _, tt := range []struct {
		name, path, file, source string
		want                     string // part of the complaint, "" for none
	}{
		{"good", "crdt", "doc.go", "// Package crdt merges.\npackage crdt", ""},
		{"unknown", "node/util", "doc.go", "// Package util.\npackage util", "node/util is not in the table"},
		{"no doc.go", "crdt", "merge.go", "// Package crdt merges.\npackage crdt", "has no doc.go"},
		{"no comment", "crdt", "doc.go", "package crdt", "has no package comment"},
		{"upwards", "crdt", "doc.go", "// Package crdt merges.\npackage crdt\nimport _ \"musafir/store\"", "only point down"},
		{"impure", "crdt", "doc.go", "// Package crdt merges.\npackage crdt\nimport _ \"os\"", "imports os"},
		{"edge", "store", "doc.go", "// Package store keeps.\npackage store\nimport _ \"os\"", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fset, file := parseSource(t, tt.source)
			p := housePackage{path: tt.path, files: map[string]*ast.File{tt.file: file}, built: true}
			wantComplaint(t, checkPackage(fset, p), tt.want)
		})
	}
}

func TestCheckPure(t *testing.T) {
	for _, tt := range []struct {
		source string // after the package clause
		want   string // part of the complaint, "" for none
	}{
		{`import "time"; var d = time.Second; func f(t time.Time) time.Time { return t.Add(d) }`, ""},
		{`import "net/netip"; var a netip.Addr`, ""},
		{`import "fmt"; var s = fmt.Sprint(1)`, ""},

		{`import "time"; var now = time.Now()`, "uses time.Now"},
		{`import clock "time"; var now = clock.Now`, "uses clock.Now"},
		{`import . "time"; var now = Now()`, "with a dot"},
		{`import "time"; func f() { time.Sleep(1) }`, "uses time.Sleep"},
		{`import "fmt"; func f() { fmt.Println() }`, "uses fmt.Println"},
		{`import _ "net"`, "imports net"},
		{`import _ "net/http"`, "imports net/http"},
		{`import _ "os/exec"`, "imports os/exec"},
		{`import _ "math/rand/v2"`, "imports math/rand/v2"},
		{`import _ "crypto/rand"`, "imports crypto/rand"},
		{`import _ "log/slog"`, "imports log/slog"},
		{`func f() { go f() }`, "starts a goroutine"},
	} {
		fset, file := parseSource(t, "package p\n"+tt.source)
		wantComplaint(t, checkPure(fset, file), tt.want)
	}
}

func TestCheckTop(t *testing.T) {
	wantComplaint(t, checkTop([]string{".git", ".ci", "go.mod", "crdt"}), "")
	wantComplaint(t, checkTop([]string{"crdt", "docs"}), "docs stands at the top")
}

// TestReadHouse shows that files for other platforms are read too, and that tests and testdata are not.
func TestReadHouse(t *testing.T) {
	root := t.TempDir()
	for name, source := range map[string]string{
		"a/doc.go":        "package a",
		"a/never.go":      "//go:build never\n\npackage a\n\nimport _ \"os\"",
		"a/a_test.go":     "package a\n\nimport _ \"net\"",
		"a/testdata/x.go": "package x",
		"b/c/never.go":    "//go:build never\n\npackage c",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	packages, err := readHouse(token.NewFileSet(), root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range packages {
		got = append(got, fmt.Sprint(p.path, " ", len(p.files), " ", p.built))
	}
	if want := []string{"a 2 true", "b/c 1 false"}; !slices.Equal(got, want) {
		t.Errorf("readHouse found %q, want %q", got, want)
	}
}

func parseSource(t *testing.T, source string) (*token.FileSet, *ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "source.go", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("parse %q: %v", source, err)
	}
	return fset, file
}

// wantComplaint wants exactly one complaint that contains want, or none if want is "".
func wantComplaint(t *testing.T, complaints []string, want string) {
	t.Helper()
	if want == "" && len(complaints) == 0 {
		return
	}
	if len(complaints) != 1 || want == "" || !strings.Contains(complaints[0], want) {
		t.Errorf("complaints %q, want %q", complaints, want)
	}
}
