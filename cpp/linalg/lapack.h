#pragma once
// LAPACK and BLAS as a table of function pointers, filled once from SciPy's (see bind/bind_linalg.cpp): nothing is linked,
// and users get the library that their SciPy was built with. Arguments are Fortran's: column-major, everything by pointer.
// A row-major lower triangle is a column-major upper one, so "U" below means our lower factors.


namespace hpo {

struct Lapack {
    void (*dpotrf)(char* uplo, int* n, double* a, int* lda, int* info) = nullptr;
    void (*dgemm)(char* ta, char* tb, int* m, int* n, int* k, double* alpha, double* a, int* lda, double* b, int* ldb, double* beta,
                  double* c, int* ldc) = nullptr;
    void (*dgemv)(char* trans, int* m, int* n, double* alpha, double* a, int* lda, double* x, int* incx, double* beta, double* y,
                  int* incy) = nullptr;
    void (*dsyrk)(char* uplo, char* trans, int* n, int* k, double* alpha, double* a, int* lda, double* beta, double* c, int* ldc) = nullptr;
    void (*dsymm)(char* side, char* uplo, int* m, int* n, double* alpha, double* a, int* lda, double* b, int* ldb, double* beta, double* c,
                  int* ldc) = nullptr;
    void (*dtrsm)(char* side, char* uplo, char* trans, char* diag, int* m, int* n, double* alpha, double* a, int* lda, double* b,
                  int* ldb) = nullptr;
    void (*dtrmm)(char* side, char* uplo, char* trans, char* diag, int* m, int* n, double* alpha, double* a, int* lda, double* b,
                  int* ldb) = nullptr;
    void (*dtrsv)(char* uplo, char* trans, char* diag, int* n, double* a, int* lda, double* x, int* incx) = nullptr;
    // The library's own thread count, null where it has none.
    int (*get_threads)() = nullptr;
    void (*set_threads)(int) = nullptr;
};

// The table; throws std::runtime_error while it is empty.
const Lapack& lapack();
void set_lapack(const Lapack& table);

// Limits the library to one thread while any of these lives: our parallelism is over suggestions and candidates, and a
// library that spawns its own threads in each of ours makes everybody wait. The setting is the process's, so the first in
// saves it and the last out restores it.
class OneBlasThread {
public:
    OneBlasThread();
    ~OneBlasThread();
    OneBlasThread(const OneBlasThread&) = delete;
    OneBlasThread& operator=(const OneBlasThread&) = delete;
};

}  // namespace hpo
