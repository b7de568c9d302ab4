package clinic

import (
	"slices"

	"musafir/crdt"
)

// A baseField is a field of registration that is a column of patients. The app wants
// all of them in its form; which are shown is for the form to say.
type baseField struct {
	column, kind string
	label        words
	options      []words
}

var baseFields = []baseField{
	{"given_name", "text", words{"en": "First name", "ar": "الاسم الأول"}, nil},
	{"surname", "text", words{"en": "Surname", "ar": "اسم العائلة"}, nil},
	{"date_of_birth", "date", words{"en": "Date of birth", "ar": "تاريخ الميلاد"}, nil},
	{"sex", "select", words{"en": "Sex", "ar": "الجنس"}, []words{{"en": "male", "ar": "ذكر"}, {"en": "female", "ar": "أنثى"}}},
	{"phone", "text", words{"en": "Phone", "ar": "الهاتف"}, nil},
	{"citizenship", "text", words{"en": "Citizenship", "ar": "الجنسية"}, nil},
	{"camp", "text", words{"en": "Camp", "ar": "المخيم"}, nil},
	{"government_id", "text", words{"en": "ID number", "ar": "رقم الهوية"}, nil},
	{"external_patient_id", "text", words{"en": "Patient number elsewhere", "ar": "رقم المريض في جهة أخرى"}, nil},
	{"primary_clinic_id", "text", words{"en": "Clinic", "ar": "العيادة"}, nil},
}

var registrationKinds = []string{"text", "number", "date", "select", "boolean", "checkbox"}

// A registrationField is one as the app reads it.
type registrationField struct {
	ID            string  `json:"id"`
	Position      int     `json:"position"`
	Column        string  `json:"column"`
	Label         words   `json:"label"`
	FieldType     string  `json:"fieldType"`
	Options       []words `json:"options"`
	Required      bool    `json:"required"`
	BaseField     bool    `json:"baseField"`
	Visible       bool    `json:"visible"`
	IsSearchField bool    `json:"isSearchField"`
	Deleted       bool    `json:"deleted"`
}

// registrationForm takes in the form. The app reads the first one that it finds, so a
// camp has one.
func (r *fileReader) registrationForm(o object) {
	n, ok := o.get("registration_form")
	if !ok {
		return
	}
	f := r.object(n, "the registration form", "name", "id", "fields")
	name := f.needed("name")
	id := f.id("registration_forms")
	if _, given := f.get("id"); !given && len(r.known.Forms) > 0 {
		if _, there := byID(r.known.Forms, id); !there {
			id = r.known.Forms[0].ID
		}
	}
	w := f.row("registration_forms", id, name)
	w.set("name", crdt.Text(name), true)
	w.set("fields", jsonText(r.registrationFields(f)), true)
	r.want(w)
}

func (r *fileReader) registrationFields(f object) []registrationField {
	var fields []registrationField
	if len(f.list("fields")) == 0 {
		r.fail(f.line, "the registration form needs \"fields\"")
	}
	for _, n := range f.list("fields") {
		field := r.registrationField(n)
		if slices.ContainsFunc(fields, func(x registrationField) bool { return x.Column == field.Column && x.Column != "" }) {
			r.fail(n.line, "the field %q stands in the form already", field.Column)
		}
		fields = append(fields, field)
	}
	for _, b := range baseFields {
		if !slices.ContainsFunc(fields, func(x registrationField) bool { return x.Column == b.column }) {
			fields = append(fields, b.field(r.known.Camp))
		}
	}
	for i := range fields {
		fields[i].Position = i + 1
	}
	return fields
}

func (b *baseField) field(camp crdt.CampID) registrationField {
	return registrationField{ID: idOf(camp, "registration_field", b.column), Column: b.column, Label: b.label,
		FieldType: b.kind, Options: append([]words{}, b.options...), BaseField: true}
}

// registrationField is a base field by its column, or one of the file's own by its key.
func (r *fileReader) registrationField(n node) registrationField {
	f := r.object(n, "a field of the registration form", "column", "key", "label", "type", "options", "required", "visible", "search")
	column, isBase := f.text("column")
	field := registrationField{FieldType: "text", Options: []words{}}
	if isBase {
		field = f.base(column)
	} else {
		field.Column = f.needed("key")
		field.ID = idOf(r.known.Camp, "registration_field", field.Column)
		if _, has := f.get("label"); !has {
			r.fail(n.line, "a field of the registration form needs \"label\", or \"column\" with the name of one that the app has")
		}
	}
	if label, ok := f.words("label", languageDefault); ok {
		field.Label = label
	}
	field.FieldType = f.oneOf("type", field.FieldType, registrationKinds...)
	if list := f.list("options"); len(list) > 0 {
		field.Options = nil
		for _, x := range list {
			field.Options = append(field.Options, r.words(x, "an option", languageDefault))
		}
	}
	if field.FieldType == "select" && len(field.Options) == 0 {
		r.fail(n.line, "a field of the type \"select\" needs \"options\"")
	}
	field.Required, _ = f.bool("required", false)
	field.Visible, _ = f.bool("visible", true)
	field.IsSearchField, _ = f.bool("search", false)
	return field
}

func (f object) base(column string) registrationField {
	var columns []string
	for _, b := range baseFields {
		columns = append(columns, b.column)
		if b.column == column {
			return b.field(f.r.known.Camp)
		}
	}
	n, _ := f.get("column")
	f.r.fail(n.line, "patients have no column %q%s; a field of your own has \"key\" in its place", column, nearest(column, columns))
	return registrationField{Column: column, Options: []words{}}
}
