#include "study/sqlite_storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <map>
#include <random>
#include <sstream>

#include "base/error.h"

namespace thimble::study {
namespace {

constexpr int kApplicationId = 0x54684d62;  // marks the file as a study of ours
constexpr int kSchemaVersion = 2;
constexpr int kBusyMs = 60000;

constexpr const char* kSchema = R"(
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trial (
  id INTEGER PRIMARY KEY, technique TEXT NOT NULL, network TEXT NOT NULL, data TEXT NOT NULL, seed INTEGER NOT NULL,
  recipe TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending', worker TEXT, error TEXT NOT NULL DEFAULT '',
  UNIQUE (technique, network, data, seed));
CREATE TABLE measurement (
  trial INTEGER NOT NULL REFERENCES trial (id), metric TEXT NOT NULL, device TEXT NOT NULL, value REAL, note TEXT NOT NULL,
  PRIMARY KEY (trial, metric, device));
CREATE TABLE detail (trial INTEGER PRIMARY KEY REFERENCES trial (id), text TEXT NOT NULL);
)";

class Sqlite {
 public:
  Sqlite(const std::filesystem::path& path, bool change) : path_(path.string()) {
    // A reader, too, must be able to write where it may: what a killed process left half written is undone by
    // whoever comes next.
    const int flags = SQLITE_OPEN_READWRITE | (change ? SQLITE_OPEN_CREATE : 0);
    try {
      check(sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr));
      sqlite3_busy_timeout(handle_, kBusyMs);
      if (!change) run("PRAGMA query_only = 1");
    } catch (...) {
      sqlite3_close(handle_);
      throw;
    }
  }
  ~Sqlite() { sqlite3_close(handle_); }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  void run(const char* sql) { check(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr)); }

  void check(int code) const {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
    const std::string reason = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
      throw Error(path_, fmt::format("is no study, or damaged ({})", reason), "Give another file");
    }
    throw Error(
        path_, fmt::format("cannot be used as a study ({})", reason),
        "Check that the file is there, that you may write it and its folder, and that the disk is not full");
  }

  [[noreturn]] void fail_as_damaged(std::string_view what) const {
    throw Error(path_, fmt::format("is damaged ({})", what),
                "Take a copy of it that is whole, or begin anew");
  }

  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  sqlite3* handle_ = nullptr;
};

class Statement {
 public:
  template <typename... Values>
  Statement(Sqlite& database, const char* sql, const Values&... values) : database_(database) {
    try {
      database_.check(sqlite3_prepare_v2(database_.handle(), sql, -1, &statement_, nullptr));
      int place = 0;
      (bind(++place, values), ...);
    } catch (...) {
      sqlite3_finalize(statement_);
      throw;
    }
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Goes to the next row; false at the end.
  bool step() {
    const int code = sqlite3_step(statement_);
    database_.check(code);
    return code == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes != nullptr ? bytes : "";
  }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::optional<double> number(int column) const {
    const int type = sqlite3_column_type(statement_, column);
    if (type == SQLITE_NULL) return std::nullopt;
    const double value = sqlite3_column_double(statement_, column);
    if ((type != SQLITE_INTEGER && type != SQLITE_FLOAT) || !std::isfinite(value))
      database_.fail_as_damaged(fmt::format("\"{}\" is no figure", text(column)));
    return value;
  }

 private:
  void bind(int place, int64_t value) { database_.check(sqlite3_bind_int64(statement_, place, value)); }
  void bind(int place, std::string_view value) {
    database_.check(
        sqlite3_bind_text(statement_, place, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT));
  }
  void bind(int place, const std::optional<double>& value) {
    database_.check(value ? sqlite3_bind_double(statement_, place, *value)
                          : sqlite3_bind_null(statement_, place));
  }

  Sqlite& database_;
  sqlite3_stmt* statement_ = nullptr;
};

/// One state of the file for all that is read in it; with `change`, one writer at a time from the begin on.
/// Undone unless committed.
class Transaction {
 public:
  explicit Transaction(Sqlite& database, bool change = true) : database_(database) {
    database_.run(change ? "BEGIN IMMEDIATE" : "BEGIN");
  }
  ~Transaction() {
    if (!committed_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    database_.run("COMMIT");
    committed_ = true;
  }

 private:
  Sqlite& database_;
  bool committed_ = false;
};

/// The files by whose locks one sees which processes live.
class Workers {
 public:
  explicit Workers(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~Workers() {
    if (lock_ < 0) return;
    std::error_code ignored;
    std::filesystem::remove(folder_ / name_, ignored);
    ::close(lock_);
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// This process's name; it lives from the first call on.
  const std::string& own() {
    if (lock_ >= 0) return name_;
    std::filesystem::create_directories(folder_);
    // Random, because a process may have the number of one that died here and left a claim behind.
    std::random_device random;
    while (lock_ < 0) {
      name_ = fmt::format("{}-{:08x}", ::getpid(), random());
      const int file = ::open((folder_ / name_).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (file < 0 && errno == EEXIST) continue;
      if (file < 0 || ::flock(file, LOCK_EX | LOCK_NB) != 0) {
        throw Error((folder_ / name_).string(), "cannot be made and locked",
                    "Keep the study on a disk of this machine");
      }
      lock_ = file;
    }
    return name_;
  }

  /// Whether a process can have that name; any other is no file of this folder.
  static bool is_name(std::string_view name) {
    return !name.empty() && name.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
  }

  /// Whether the process of that name has ended.
  bool dead(const std::string& name) const {
    if (name == name_) return false;
    const int file = ::open((folder_ / name).c_str(), O_RDONLY | O_CLOEXEC);
    // A file that is there and cannot be opened says nothing of its owner, who is then left alone.
    if (file < 0) return errno == ENOENT;
    const bool free = ::flock(file, LOCK_EX | LOCK_NB) == 0;
    ::close(file);
    return free;
  }

  /// Removes what a dead process left.
  void bury(const std::string& name) const {
    std::error_code ignored;
    std::filesystem::remove(folder_ / name, ignored);
  }

 private:
  std::filesystem::path folder_;
  std::string name_;
  int lock_ = -1;
};

class SqliteStorage : public Storage {
 public:
  SqliteStorage(const std::filesystem::path& path, bool change)
      : database_(path, change), workers_(folder_beside(path, ".workers")) {
    Transaction transaction(database_, change);
    if (change && integer("PRAGMA application_id") == 0 &&
        integer("SELECT count(*) FROM sqlite_master") == 0) {
      database_.run(kSchema);
      database_.run(
          fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kSchemaVersion)
              .c_str());
    }
    if (integer("PRAGMA application_id") != kApplicationId ||
        integer("PRAGMA user_version") != kSchemaVersion) {
      throw Error(database_.path(), "is an SQLite file, but no study of this version of Thimble",
                  "Give another file");
    }
    transaction.commit();
  }

  void add(const Study& study, std::string_view version) override {
    Transaction transaction(database_);
    const auto other = [&](const std::string& reason) {
      throw Error(database_.path(), reason, "Give another file with -o, or the study that is in it");
    };
    const std::string own_version = value("version");
    if (!own_version.empty() && own_version != version) {
      other(fmt::format("was made by Thimble {}, this is {}", own_version, version));
    }
    std::map<TrialKey, std::string> planned;
    for (const PlannedTrial& trial : study.trials) planned.emplace(trial.key, trial.recipe);
    for (const Trial& trial : read_trials()) {
      const auto place = planned.find(trial.key);
      if (place == planned.end())
        other(fmt::format("has a trial that this study does not list ({})", to_string(trial.key)));
      if (place->second != trial.recipe)
        other(fmt::format("has a trial with another recipe ({})", to_string(trial.key)));
    }
    add_inputs(study.inputs);
    for (const PlannedTrial& trial : study.trials) {
      Statement(database_,
                "INSERT OR IGNORE INTO trial (technique, network, data, seed, recipe) VALUES (?, ?, ?, ?, ?)",
                trial.key.technique, trial.key.network, trial.key.data, static_cast<int64_t>(trial.key.seed),
                trial.recipe)
          .step();
    }
    set("text", study.text);
    set("version", version);
    if (value("command").empty()) set("command", study.command);
    transaction.commit();
  }

  std::optional<Trial> claim(std::string_view network) override {
    const std::string& own = workers_.own();
    Transaction transaction(database_);
    std::vector<std::string> claimants;
    for (Statement row(database_, "SELECT DISTINCT worker FROM trial WHERE state = 'running'"); row.step();) {
      claimants.push_back(row.text(0));
    }
    for (const std::string& worker : claimants) {
      if (!Workers::is_name(worker))
        database_.fail_as_damaged(fmt::format("a running trial is of a process \"{}\"", worker));
      if (!workers_.dead(worker)) continue;
      Statement(database_,
                "UPDATE trial SET state = 'pending', worker = NULL WHERE state = 'running' AND worker = ?",
                worker)
          .step();
      workers_.bury(worker);
    }
    Trial trial;
    {
      Statement next(database_,
                     "SELECT id, technique, network, data, seed, recipe FROM trial AS own "
                     "WHERE state = 'pending' AND (?1 = '' OR network = ?1) ORDER BY EXISTS (SELECT 1 FROM "
                     "trial AS other "
                     "WHERE other.state = 'running' AND other.network = own.network AND "
                     "other.data = own.data AND other.seed = own.seed), id LIMIT 1",
                     network);
      if (!next.step()) {
        transaction.commit();
        return std::nullopt;
      }
      trial = {next.integer(0),
               {next.text(1), next.text(2), next.text(3), static_cast<uint64_t>(next.integer(4))},
               next.text(5),
               TrialState::kRunning,
               "",
               {}};
    }
    Statement(database_, "UPDATE trial SET state = 'running', worker = ? WHERE id = ?", own, trial.id).step();
    transaction.commit();
    return trial;
  }

  void finish(int64_t id, const std::vector<Measurement>& measurements, std::string_view details) override {
    Transaction transaction(database_);
    end(id, TrialState::kDone, "");
    for (const Measurement& m : measurements) {
      Statement(database_, "INSERT OR REPLACE INTO measurement VALUES (?, ?, ?, ?, ?)", id, m.metric,
                m.device, m.value, m.note)
          .step();
    }
    Statement(database_, "INSERT OR REPLACE INTO detail VALUES (?, ?)", id, details).step();
    transaction.commit();
  }

  void fail(int64_t id, std::string_view error) override {
    Transaction transaction(database_);
    end(id, TrialState::kFailed, error);
    transaction.commit();
  }

  void retry_failed(std::string_view network) override {
    Statement(database_,
              "UPDATE trial SET state = 'pending', worker = NULL, error = '' "
              "WHERE state = 'failed' AND (?1 = '' OR network = ?1)",
              network)
        .step();
  }

  std::vector<Trial> trials() override {
    Transaction transaction(database_, false);
    std::vector<Trial> trials = read_trials();
    std::map<int64_t, size_t> places;
    for (size_t i = 0; i < trials.size(); ++i) places[trials[i].id] = i;
    for (Statement row(database_,
                       "SELECT trial, metric, device, value, note FROM measurement ORDER BY rowid");
         row.step();) {
      const auto place = places.find(row.integer(0));
      if (place == places.end()) {
        database_.fail_as_damaged(
            fmt::format("it has figures of a trial {} that is not there", row.integer(0)));
      }
      trials[place->second].measurements.push_back({row.text(1), row.text(2), row.number(3), row.text(4)});
    }
    transaction.commit();
    return trials;
  }

  std::string details(int64_t id) override {
    Statement row(database_, "SELECT text FROM detail WHERE trial = ?", id);
    return row.step() ? row.text(0) : "";
  }

  std::string study_text() override { return value("text"); }
  std::string version() override { return value("version"); }
  std::string command() override { return value("command"); }

  std::map<std::string, std::string> inputs() override {
    std::map<std::string, std::string> inputs;
    std::istringstream lines(value("inputs"));
    for (std::string sha256, what; lines >> sha256 && std::getline(lines >> std::ws, what);)
      inputs.emplace(what, sha256);
    return inputs;
  }

 private:
  int64_t integer(const char* sql) {
    Statement row(database_, sql);
    return row.step() ? row.integer(0) : 0;
  }

  std::string value(std::string_view key) {
    Statement row(database_, "SELECT value FROM study WHERE key = ?", key);
    return row.step() ? row.text(0) : "";
  }

  void set(std::string_view key, std::string_view value) {
    Statement(database_, "INSERT OR REPLACE INTO study VALUES (?, ?)", key, value).step();
  }

  /// Keeps what new trials begin with; what earlier ones began with has to be the same.
  void add_inputs(const std::map<std::string, std::string>& added) {
    std::map<std::string, std::string> known = inputs();
    for (const auto& [what, sha256] : added) {
      const auto [place, is_new] = known.emplace(what, sha256);
      if (is_new || place->second == sha256) continue;
      throw Error(database_.path(), fmt::format("has trials with another {}, which has changed since", what),
                  "Put it back as it was, or give another file with -o");
    }
    std::string text;
    for (const auto& [what, sha256] : known) text += fmt::format("{}  {}\n", sha256, what);
    set("inputs", text);
  }

  std::vector<Trial> read_trials() {
    std::vector<Trial> trials;
    for (Statement row(
             database_,
             "SELECT id, technique, network, data, seed, recipe, state, error FROM trial ORDER BY id");
         row.step();) {
      const auto state = trial_state(row.text(6));
      if (!state) {
        database_.fail_as_damaged(
            fmt::format("trial {} is in a state \"{}\" that there is not", row.integer(0), row.text(6)));
      }
      trials.push_back({row.integer(0),
                        {row.text(1), row.text(2), row.text(3), static_cast<uint64_t>(row.integer(4))},
                        row.text(5),
                        *state,
                        row.text(7),
                        {}});
    }
    return trials;
  }

  void end(int64_t id, TrialState state, std::string_view error) {
    Statement(database_,
              "UPDATE trial SET state = ?, error = ? WHERE id = ? AND state = 'running' AND worker = ?",
              to_string(state), error, id, workers_.own())
        .step();
    if (sqlite3_changes(database_.handle()) != 1) {
      throw Error(database_.path(),
                  fmt::format("was changed by something else: trial {} is no longer this process's", id),
                  "Run the study again");
    }
  }

  Sqlite database_;
  Workers workers_;
};

}  // namespace

std::unique_ptr<Storage> open_sqlite(const std::filesystem::path& path, bool change) {
  if (change && path.has_parent_path()) {
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
  }
  if (!change && !std::filesystem::is_regular_file(path)) {
    throw Error(path.string(), "is not there, or no file", "Give the file that thimble study wrote");
  }
  return std::make_unique<SqliteStorage>(path, change);
}

std::filesystem::path folder_beside(const std::filesystem::path& study, std::string_view suffix) {
  std::filesystem::path beside = std::filesystem::weakly_canonical(std::filesystem::absolute(study));
  beside += suffix;
  return beside;
}

}  // namespace thimble::study
