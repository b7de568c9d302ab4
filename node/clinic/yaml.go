package clinic

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml" // YAML with the line of each thing; well kept, and of no dependencies
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A LineError says what is wrong on a line of a file.
type LineError struct {
	Line int
	Err  error
}

func (e LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e LineError) Unwrap() error { return e.Err }

// FileErrors are all that is wrong with a file, by their lines.
type FileErrors []LineError

func (e FileErrors) Error() string {
	var lines []string
	for _, x := range e {
		lines = append(lines, x.Error())
	}
	return strings.Join(lines, "\n")
}

// A node is a value of the file.
type node struct {
	line    int
	kind    nodeKind
	text    string // of a scalar, as it is written
	items   []node
	members []entry
}

type entry struct {
	key   string
	line  int
	value node
}

type nodeKind int

const (
	isNothing nodeKind = iota
	isText
	isNumber
	isBool
	isList
	isObject
)

func (k nodeKind) String() string {
	return [...]string{"nothing", "a text", "a number", "true or false", "a list", "an object"}[k]
}

// nestingMax is how deep a file may nest.
const nestingMax = 24

// readYAML reads a file of one document.
func readYAML(text string) (n node, err error) {
	defer func() {
		if p := recover(); p != nil { // the parser is not ours, and takes any text
			n, err = node{}, FileErrors{{1, errors.New("this is no YAML file that can be read")}}
		}
	}()
	if !utf8.ValidString(text) {
		return node{}, FileErrors{{lineNotUTF8(text), errors.New("this is not UTF-8: save the file as UTF-8")}}
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(text, "\ufeff"))
	if err := checkTokens(tokens); err != nil {
		return node{}, err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return node{}, syntaxError(err)
	}
	docs := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(docs) == 0 {
		return node{line: 1}, nil
	}
	if len(docs) > 1 {
		return node{}, FileErrors{{docs[1].Body.GetToken().Position.Line, errors.New("a second document begins here; a file has one")}}
	}
	r := treeReader{}
	n = r.node(docs[0].Body)
	return n, r.failed()
}

func lineNotUTF8(text string) int {
	n := 1
	for line := range strings.Lines(text) {
		if !utf8.ValidString(line) {
			break
		}
		n++
	}
	return n
}

func syntaxError(err error) error {
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
		return FileErrors{{syntax.Token.Position.Line, errors.New(syntax.Message)}}
	}
	return FileErrors{{1, errors.New("this is no YAML file that can be read")}}
}

// checkTokens refuses what such a file has no use for, and what would keep the parser
// busy: it looks at all keys of an object for each of them, and needs stack for each level.
func checkTokens(tokens token.Tokens) error {
	s := shape{keys: map[int]int{}}
	for _, t := range tokens {
		what := foreign[t.Type]
		if what == "" {
			what = s.next(t)
		}
		if what != "" {
			return FileErrors{{t.Position.Line, errors.New(what)}}
		}
	}
	return nil
}

const (
	noAnchors = "anchors (&), aliases (*) and merges (<<) are not known here; a text that begins with one goes into quotes"
	noTags    = "tags (!) and directives (%) are not known here; a text that begins with one goes into quotes"
	noMarks   = "keys that begin with ? are not known here; a text that begins with one goes into quotes"
)

var foreign = map[token.Type]string{
	token.AnchorType: noAnchors, token.AliasType: noAnchors, token.MergeKeyType: noAnchors,
	token.TagType: noTags, token.DirectiveType: noTags, token.MappingKeyType: noMarks,
}

const keysMax = 4096 // of one object

// A shape follows how deep the tokens of a file nest, and how many keys an object has.
type shape struct {
	flow []int       // the keys of each object or list in brackets that is open
	keys map[int]int // of objects without brackets, by the column of their keys
}

func (s *shape) next(t *token.Token) string {
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		s.flow = append(s.flow, 0)
	case token.SequenceEndType, token.MappingEndType:
		s.flow = s.flow[:max(0, len(s.flow)-1)]
	case token.SequenceEntryType:
		s.close(t.Position.Column)
	case token.MappingValueType:
		if s.key(t) > keysMax {
			return fmt.Sprintf("an object has more than %d keys", keysMax)
		}
	}
	if len(s.flow) > nestingMax || t.Type == token.SequenceEntryType && t.Position.Column > 4*nestingMax {
		return "this is nested too deeply"
	}
	return ""
}

// key counts one more key of the object that is open.
func (s *shape) key(t *token.Token) int {
	if n := len(s.flow); n > 0 {
		s.flow[n-1]++
		return s.flow[n-1]
	}
	if t.Prev == nil {
		return 0
	}
	column := t.Prev.Position.Column
	s.close(column)
	s.keys[column]++
	return s.keys[column]
}

// close ends the objects whose keys stand to the right.
func (s *shape) close(column int) {
	for c := range s.keys {
		if c > column {
			delete(s.keys, c)
		}
	}
}

// A treeReader makes our tree of the parser's.
type treeReader struct {
	errs  FileErrors
	depth int
}

func (r *treeReader) failed() error {
	if len(r.errs) == 0 {
		return nil
	}
	return r.errs
}

func (r *treeReader) node(from ast.Node) node {
	if from == nil || from.GetToken() == nil {
		return node{}
	}
	t := from.GetToken()
	n := node{line: t.Position.Line}
	if r.depth++; r.depth > nestingMax {
		r.errs = append(r.errs, LineError{n.line, errors.New("this is nested too deeply")})
		return n
	}
	defer func() { r.depth-- }()
	switch x := from.(type) {
	case *ast.MappingNode:
		n.kind, n.members = isObject, r.members(x.Values)
		if len(n.members) > 0 {
			n.line = n.members[0].line
		}
	case *ast.MappingValueNode:
		n.kind, n.members = isObject, r.members([]*ast.MappingValueNode{x})
		n.line = n.members[0].line
	case *ast.SequenceNode:
		n.kind = isList
		for _, item := range x.Values {
			n.items = append(n.items, r.node(item))
		}
	case *ast.NullNode:
	case *ast.BoolNode:
		n.kind, n.text = isBool, fmt.Sprint(x.Value)
	case *ast.IntegerNode, *ast.FloatNode:
		n.kind, n.text = isNumber, t.Value
	case *ast.StringNode:
		n.kind, n.text = isText, x.Value
	case *ast.LiteralNode:
		n.kind, n.text = isText, x.Value.Value
	default:
		n.kind, n.text = isText, t.Value // such as .inf: a word as any other
	}
	return n
}

func (r *treeReader) members(values []*ast.MappingValueNode) (members []entry) {
	seen := map[string]bool{}
	for _, v := range values {
		t := v.Key.GetToken()
		e := entry{key: t.Value, line: t.Position.Line, value: r.node(v.Value)}
		if e.value.line == 0 {
			e.value.line = e.line
		}
		if seen[e.key] {
			r.errs = append(r.errs, LineError{e.line, fmt.Errorf("%q stands here twice", e.key)})
			continue
		}
		seen[e.key] = true
		members = append(members, e)
	}
	return members
}
